using Xunit;

namespace Squib.Virtio.Host.Tests;

public sealed class RawTerminalTests
{
    [Fact]
    public void Without_a_terminal_nothing_changes()
    {
        Assert.SkipUnless(Console.IsInputRedirected, "Standard input is a terminal; the boot tests cover that case.");
        using RawTerminal terminal = RawTerminal.Enter();
        Assert.False(terminal.IsRaw);
    }
}
