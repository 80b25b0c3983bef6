using Squib.Cli.Boot;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class KeyFilterTests
{
    private readonly KeyFilter filter = new();
    private readonly List<byte> toGuest = [];
    private int helps;

    [Fact]
    public void Ordinary_keys_and_Ctrl_C_go_to_the_guest()
    {
        Assert.False(Feed("ls\r\u0003"));
        Assert.Equal("ls\r\u0003"u8, toGuest.ToArray());
    }

    [Fact]
    public void Ctrl_A_x_ends_and_nothing_after_it_counts()
    {
        Assert.True(Feed("a\u0001xb"));
        Assert.Equal("a"u8, toGuest.ToArray());
    }

    [Fact]
    public void The_two_keys_may_come_apart()
    {
        Assert.False(Feed("\u0001"));
        Assert.True(Feed("x"));
    }

    [Theory]
    [InlineData("\u0001a")]
    [InlineData("\u0001\u0001")]
    public void Ctrl_A_itself_can_be_sent(string typed)
    {
        Assert.False(Feed(typed));
        Assert.Equal([1], toGuest);
        Assert.False(Feed("x"));
    }

    [Fact]
    public void Ctrl_A_h_shows_help_and_sends_nothing()
    {
        Assert.False(Feed("\u0001h"));
        Assert.Empty(toGuest);
        Assert.Equal(1, helps);
    }

    [Fact]
    public void Another_key_after_Ctrl_A_is_sent_with_it()
    {
        Assert.False(Feed("\u0001q"));
        Assert.Equal([1, (byte)'q'], toGuest);
    }

    private bool Feed(string typed) => filter.Feed(System.Text.Encoding.UTF8.GetBytes(typed), toGuest, () => helps++);
}
