using System.Text.RegularExpressions;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>The demo, run once, as a process of its own.</summary>
public sealed class DemoTests(DemoTests.Fixture demo) : IClassFixture<DemoTests.Fixture>
{
    [Fact]
    public void The_demo_ends_well_and_every_row_of_its_table_is_ok()
    {
        Assert.True(demo.ExitCode == 0, demo.Error + demo.Output);
        Assert.Matches(@"\n(\d+) of \1 devices ok; the guest powered off", demo.Output);
    }

    [Theory]
    [InlineData("block", @"vda serial=scratch .*256 KiB written .* read back past the page cache")]
    [InlineData("block", @"vdb serial=readonly .*256 KiB read .* a write refused")]
    [InlineData("rng", "2 x 256 bytes read")]
    [InlineData("console", "the host answered 'the host read 20 characters'")]
    public void The_guest_reports_each_device_with_the_features_it_negotiated(string device, string did)
    {
        string line = Assert.Single(demo.Lines, line => Regex.IsMatch(line, $"^SELFTEST {device} ok .*{did}"));
        Assert.Matches("; features=VERSION_1,EVENT_IDX,INDIRECT_DESC", line);
    }

    [Fact]
    public void The_host_confirms_what_is_on_the_disks()
    {
        string table = Regex.Replace(demo.Output, @"\s+", " ");
        Assert.Contains("the sum is the host's", table, StringComparison.Ordinal);
    }

    public sealed class Fixture : IAsyncLifetime
    {
        public int ExitCode { get; private set; }

        public string Output { get; private set; } = "";

        public string Error { get; private set; } = "";

        public string[] Lines => Output.Split('\n');

        public async ValueTask InitializeAsync()
        {
            HostTool.Require("apt-get");
            using SquibProcess squib = new(new Dictionary<string, string>(), "demo");
            (ExitCode, Output, Error) = await squib.WaitAsync();
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
