using Squib.Cli.Demo;
using Xunit;

namespace Squib.Boot.Tests.Demo;

public sealed class SelfTestLineTests
{
    [Fact]
    public void A_result_has_a_device_an_outcome_a_detail_and_features()
    {
        SelfTestLine? result =
            SelfTestLine.Parse("SELFTEST rng ok virtio_rng.0: 512 bytes; features=VERSION_1,EVENT_IDX");
        Assert.NotNull(result);
        Assert.Equal(("rng", "ok", "virtio_rng.0: 512 bytes"), (result.Device, result.Outcome, result.Detail));
        Assert.Equal(["VERSION_1", "EVENT_IDX"], result.Features);
    }

    [Fact]
    public void A_result_may_tell_no_features() =>
        Assert.Empty(SelfTestLine.Parse("SELFTEST pmem absent no virtio device of type 27")!.Features);

    [Theory]
    [InlineData("")]
    [InlineData("SELFTEST")]
    [InlineData("SELFTEST DONE uptime 2.09 s")]
    [InlineData("[ 1.0] SELFTEST rng ok fine")]
    [InlineData("SELFTEST rng perhaps fine")]
    public void Other_lines_are_no_results(string line) => Assert.Null(SelfTestLine.Parse(line));
}
