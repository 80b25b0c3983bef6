using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Squib.Cli.Demo;
using Xunit;

namespace Squib.Boot.Tests.Trials;

/// <summary>The process of a machine is killed while the guest writes: what the guest was told is durable is there.</summary>
public sealed partial class PowerCutTests(FetchedGuest guest) : IDisposable
{
    private const int PageBytes = 4096;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_the_guest_has_synced_survives_the_death_of_the_machine()
    {
        string fileSystem = folder.File("ext4.img");
        string raw = folder.File("raw.img");
        DemoDisk.CreateEmpty(fileSystem, 64 << 20);
        DemoDisk.CreateEmpty(raw, 16 << 20);
        (int made, string complaint) = await HostTool.RunAsync("mke2fs", "-q", "-t", "ext4", fileSystem);
        Assert.True(made == 0, complaint);
        int kill = Random.Shared.Next(20, 60);
        TestContext.Current.TestOutputHelper?.WriteLine($"killed after number {kill}");

        (string kernel, string initrd) = guest.GetForTrials();
        string[] machine = ["boot", "--kernel", kernel, "--initrd", initrd, "--append", "quiet rdinit=/trial trial=power"];
        string[] drives = ["--drive", $"file={fileSystem}", "--drive", $"file={raw}"];
        using SquibProcess squib = new(new Dictionary<string, string>(), [.. machine, .. drives]);
        await squib.WaitForLineAsync($"TRIAL durable {kill}");
        (int exitCode, _, string error) = InProcess.Run([.. machine, .. drives]);
        Assert.Equal(2, exitCode);
        Assert.Contains("is in use by another program", error, StringComparison.Ordinal);
        squib.Kill();
        (_, string output, _) = await squib.WaitAsync();

        int last = Durable().Matches(output).Max(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        Assert.InRange(last, kill, int.MaxValue);
        byte[] disk = await File.ReadAllBytesAsync(raw);
        for (int number = 1; number <= last; number++)
            Assert.Equal(Expected(number), disk.AsSpan(number * PageBytes, PageBytes).ToArray());

        // A mount replays the journal; e2fsck does the same.
        (_, string replay) = await HostTool.RunAsync("e2fsck", "-p", fileSystem);
        (int found, string report) = await HostTool.RunAsync("e2fsck", "-fn", fileSystem);
        Assert.True(found == 0, replay + report);
        string files = Directory.CreateDirectory(folder.File("files")).FullName;
        await HostTool.RunAsync("debugfs", "-R", $"rdump / {files}", fileSystem);
        for (int number = 1; number <= last; number++)
            Assert.Equal(Expected(number), await File.ReadAllBytesAsync(Path.Combine(files, $"{number}")));
    }

    private static byte[] Expected(int number) => Encoding.ASCII.GetBytes($"squib file {number}".PadRight(PageBytes - 1) + "\n");

    // The last line may be cut off; a number counts when its line is whole.
    [GeneratedRegex(@"^TRIAL durable (\d+)\r?$", RegexOptions.Multiline)]
    private static partial Regex Durable();
}
