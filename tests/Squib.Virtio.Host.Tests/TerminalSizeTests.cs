using Xunit;

namespace Squib.Virtio.Host.Tests;

public sealed class TerminalSizeTests
{
    [Fact]
    public void Without_a_terminal_there_is_no_size()
    {
        Assert.SkipUnless(Console.IsOutputRedirected, "Standard output is a terminal here.");
        Assert.False(TerminalSize.TryGet(out ushort columns, out ushort rows));
        Assert.Equal((0, 0), (columns, rows));
    }
}
