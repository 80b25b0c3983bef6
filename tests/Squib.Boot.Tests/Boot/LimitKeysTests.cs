using Squib.Cli;
using Squib.Cli.Boot;
using Squib.Virtio.Limits;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class LimitKeysTests
{
    [Fact]
    public void A_drive_has_limits_among_its_keys()
    {
        DriveOptions drive = DriveOptions.Parse("bw=50M,file=a,,bw=1,iops=2000,ro");
        RateLimits limits = new() { BytesPerSecond = 50 << 20, OperationsPerSecond = 2000 };
        Assert.Equal(new DriveOptions { Path = "a,bw=1", ReadOnly = true, Limits = limits }, drive);
        Assert.Null(DriveOptions.Parse("file=a").Limits);
    }

    [Fact]
    public void A_network_card_has_limits_among_its_keys()
    {
        NetCardOptions card = NetCardOptions.Parse("passt,iops=7,mtu=1500");
        Assert.Equal(new RateLimits { OperationsPerSecond = 7 }, card.Limits);
        Assert.Equal(1500, card.Mtu);
    }

    [Theory]
    [InlineData("", null, null)]
    [InlineData("bw=4K", 4096L, null)]
    [InlineData("bw=1", 1L << 20, null)]
    [InlineData("iops=1,bw=2G", 2L << 30, 1L)]
    public void Limits_are_a_size_and_a_number(string text, long? bytes, long? operations)
    {
        RateLimits? limits = LimitKeys.Take("--rng", text, out string rest);
        Assert.Equal((bytes, operations), (limits?.BytesPerSecond, limits?.OperationsPerSecond));
        Assert.Empty(rest);
    }

    [Theory]
    [InlineData("bw=")]
    [InlineData("bw")]
    [InlineData("bw=0")]
    [InlineData("bw=1Q")]
    [InlineData("bw=-1M")]
    [InlineData("iops=0")]
    [InlineData("iops=many")]
    [InlineData("iops=1.5")]
    [InlineData("iops=99999999999999999999")]
    [InlineData("bw=1M,bw=2M")]
    [InlineData("iops=1,iops=1")]
    public void A_wrong_limit_is_refused_and_named(string text)
    {
        UserErrorException error = Assert.Throws<UserErrorException>(() => DriveOptions.Parse($"file=a,{text}"));
        Assert.StartsWith($"--drive file=a,{text}: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
