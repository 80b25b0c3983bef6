using Xunit;

namespace Squib.Boot.Tests;

/// <summary>The demo without passt, and its end before its time.</summary>
public sealed class DemoPeerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Without_passt_the_guest_leases_an_address_and_fetches_the_file_from_squibs_own_peer()
    {
        HostTool.Require("apt-get");
        using SquibProcess squib = Start("demo", "--net", "peer");
        (int exitCode, string output, string error) = await squib.WaitAsync();
        Assert.True(exitCode == 0, error + output);
        Assert.Matches(
            @"SELFTEST net ok eth0 .*gateway=198\.51\.100\.1, 1048576 bytes fetched by HTTP \(SHA-256 [0-9a-f]{16}\), ping answered",
            output);
        Assert.Contains("through squib's own peer in this process", DemoOutput.ReadWords(output), StringComparison.Ordinal);
        Assert.Empty(Left());
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task An_interrupt_in_the_middle_leaves_nothing_behind(string signal, int expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals.");
        HostTool.Require("apt-get");
        using SquibProcess squib = new(SquibProcess.WithSignals, Environment(), "demo");
        await squib.PrintsAsync("DRIVERS LOADED");
        Assert.NotEmpty(Left());
        await squib.SignalAsync(signal);
        (int exitCode, string output, string error) = await squib.WaitAsync();
        Assert.Equal(expected, exitCode);
        Assert.DoesNotContain("devices ok", output, StringComparison.Ordinal);
        Assert.EndsWith("squib: the demo was interrupted.\n", error, StringComparison.Ordinal);
        Assert.Empty(Left());
    }

    [Fact]
    public async Task A_folder_for_temporary_files_that_is_none_is_named()
    {
        HostTool.Require("apt-get");
        using SquibProcess squib = new(new Dictionary<string, string> { ["TMPDIR"] = folder.Write("file", [1]) }, "demo");
        (int exitCode, _, string error) = await squib.WaitAsync();
        Assert.Equal(2, exitCode);
        Assert.Matches(@"^squib: The demo's disks cannot be kept in .*file", error.Split('\n')[^2]);
    }

    private SquibProcess Start(params string[] arguments) => new(Environment(), arguments);

    private Dictionary<string, string> Environment() => new() { ["TMPDIR"] = folder.Path, ["COLUMNS"] = "110" };

    private string[] Left() => Directory.GetFileSystemEntries(folder.Path, "squib-demo-*");
}
