using System.Text.RegularExpressions;
using Squib.Virtio.Host;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>The demo, run once, as a process of its own.</summary>
public sealed class DemoTests(DemoTests.Fixture demo) : IClassFixture<DemoTests.Fixture>
{
    [Fact]
    public void The_demo_ends_well_and_every_row_of_its_table_is_ok()
    {
        Assert.True(demo.ExitCode == 0, demo.Error + demo.Output);
        Assert.Matches(@"\n10 of 10 devices ok; the guest powered off", demo.Output);
    }

    [Theory]
    [InlineData("block", @"vda serial=scratch .*256 KiB written .* read back past the page cache.* grown live")]
    [InlineData("block", @"vdb serial=readonly .*256 KiB read .* a write refused")]
    [InlineData("net", @"1048576 bytes fetched by HTTP \(SHA-256 [0-9a-f]{16}\).* link taken down and up")]
    [InlineData("vsock", @"16777216 bytes from the host \(SHA-256 [0-9a-f]{16}\) and back, by socat")]
    [InlineData("rng", "2 x 256 bytes read")]
    [InlineData("console", "the host answered 'the host read 20 characters'")]
    [InlineData("pmem", @"256 KiB written \(SHA-256 [0-9a-f]{16}\), flushed, read back")]
    [InlineData("mem", "20 MiB written and read back")]
    public void The_guest_reports_each_device_with_the_features_it_negotiated(string device, string did)
    {
        string line = Assert.Single(demo.Lines, line => Regex.IsMatch(line, $"^SELFTEST {device} ok .*{did}"));
        Assert.Matches("; features=VERSION_1,EVENT_IDX,INDIRECT_DESC", line);
    }

    [Fact]
    public void The_host_confirms_what_is_on_the_disks_and_what_was_fetched() =>
        Assert.Equal(2, Regex.Count(demo.Words, "the sum is the host's"));

    [Fact]
    public void The_network_is_passts_where_it_is_installed_and_says_so() =>
        Assert.Contains(Passt.IsInstalled ? "through passt" : "as passt is not installed", demo.Words, StringComparison.Ordinal);

    [Fact]
    public void As_much_comes_back_through_the_sockets_as_was_sent_with_the_time_that_it_took() =>
        Assert.Matches(@"to the guest [\d.]+ s = \d+ MiB/s, to the host [\d.]+ s = \d+ MiB/s, sums equal", demo.Words);

    [Fact]
    public void A_second_boot_finds_in_persistent_memory_what_the_first_wrote()
    {
        string[] boots = [.. demo.Lines.Where(line => line.StartsWith("SELFTEST pmem ok ", StringComparison.Ordinal))];
        string[] sums = [.. boots.Select(line => Regex.Match(line, "SHA-256 ([0-9a-f]{16})").Groups[1].Value)];
        Assert.Equal(2, boots.Length);
        Assert.Contains("256 KiB read", boots[1], StringComparison.Ordinal);
        Assert.Equal(sums[0], sums[1]);
        Assert.Contains("the guest of a second boot reads the same sum", demo.Words, StringComparison.Ordinal);
    }

    public sealed class Fixture : IAsyncLifetime
    {
        public int ExitCode { get; private set; }

        public string Output { get; private set; } = "";

        public string Error { get; private set; } = "";

        public string[] Lines => Output.Split('\n');

        public string Words => DemoOutput.ReadWords(Output);

        public async ValueTask InitializeAsync()
        {
            HostTool.Require("apt-get");
            using SquibProcess squib = new(new Dictionary<string, string> { ["COLUMNS"] = "110" }, "demo");
            (ExitCode, Output, Error) = await squib.WaitAsync();
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
