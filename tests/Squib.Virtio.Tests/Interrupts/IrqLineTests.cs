using Squib.Virtio.Interrupts;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Tests.Interrupts;

public sealed class IrqLineTests
{
    private static readonly IntId Id = new(50);

    private readonly RecordingGic gic = new();

    [Fact]
    public void An_edge_triggered_line_pulses_every_time_and_never_lowers()
    {
        IrqLine line = new(gic, Id);
        Assert.Equal((Id, IrqTrigger.Edge), (line.Id, line.Trigger));
        line.Raise();
        line.Raise();
        line.Lower();
        Assert.Equal(2, gic.Pulses(Id));
        Assert.False(gic.IsAsserted(Id));
    }

    [Fact]
    public void A_level_triggered_line_stays_high_until_it_is_lowered()
    {
        IrqLine line = new(gic, Id, IrqTrigger.Level);
        line.Raise();
        line.Raise();
        Assert.True(gic.IsAsserted(Id));
        line.Lower();
        Assert.False(gic.IsAsserted(Id));
        Assert.Equal(0, gic.Pulses(Id));
    }

    [Fact]
    public void A_line_needs_a_controller_and_an_interrupt()
    {
        Assert.Throws<ArgumentNullException>(() => new IrqLine(null!, Id));
        Assert.Throws<ArgumentException>(() => new IrqLine(gic, default));
    }
}
