using Squib.Cli;
using Squib.Cli.Boot;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("512M", 512L << 20)]
    [InlineData("512", 512L << 20)]
    [InlineData("4096K", 4L << 20)]
    [InlineData("2g", 2L << 30)]
    [InlineData("1T", 1L << 40)]
    public void A_number_with_or_without_a_suffix_is_a_size(string text, long bytes) =>
        Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("-1M")]
    [InlineData("1.5G")]
    [InlineData("512MB")]
    [InlineData("1Q")]
    [InlineData("9223372036854775807G")]
    [InlineData("99999999999999999999")]
    public void Anything_else_is_refused(string text) => Assert.Throws<UserErrorException>(() => ByteSize.Parse(text));
}
