using System.Text.RegularExpressions;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>The demo with rings other than the usual ones: which features Linux 6.1 takes of them, and all devices on them.</summary>
public sealed class RingTests
{
    // Linux 6.1 clears in vring_transport_features what its rings do not know, of which these three are offered here.
    private static readonly string[] NeverTaken = ["IN_ORDER", "NOTIFICATION_DATA", "RING_RESET"];

    [Theory]
    [InlineData("packed,in-order,notification-data", "VERSION_1,EVENT_IDX,INDIRECT_DESC,RING_PACKED")]
    [InlineData("packed,no-indirect", "VERSION_1,EVENT_IDX,RING_PACKED")]
    [InlineData("in-order,no-event-index", "VERSION_1,INDIRECT_DESC")]
    public async Task Every_device_works_on_the_rings_that_Linux_and_the_device_agree_on(string offered, string taken)
    {
        HostTool.Require("apt-get");
        using SquibProcess squib = new(new Dictionary<string, string>(), "demo", "--ring", offered);
        (int exitCode, string output, string error) = await squib.WaitAsync();
        Assert.True(exitCode == 0, error + output);
        Assert.Matches(@"\n(\d+) of \1 devices ok; the guest powered off", output);

        string[] ringFeatures = ["VERSION_1", "EVENT_IDX", "INDIRECT_DESC", "RING_PACKED", .. NeverTaken];
        MatchCollection lines = Regex.Matches(output, "^SELFTEST ([a-z]+) ok .*; features=(.*)$", RegexOptions.Multiline);
        Assert.Superset(
            new HashSet<string>(["block", "vsock", "balloon", "rng", "console", "pmem", "mem"]),
            new HashSet<string>(lines.Select(line => line.Groups[1].Value)));
        foreach (Match line in lines)
        {
            // Linux' balloon driver never takes INDIRECT_DESC, whoever offers it.
            string[] expected = [.. taken.Split(',').Where(name => (line.Groups[1].Value, name) != ("balloon", "INDIRECT_DESC"))];
            Assert.Equal(expected, line.Groups[2].Value.Split(',').Intersect(ringFeatures));
        }
    }
}
