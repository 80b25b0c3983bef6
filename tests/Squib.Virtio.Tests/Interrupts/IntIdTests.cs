using Squib.Virtio.Interrupts;
using Xunit;

namespace Squib.Virtio.Tests.Interrupts;

public sealed class IntIdTests
{
    [Theory, InlineData(32u, 0u), InlineData(48u, 16u), InlineData(1019u, 987u)]
    public void A_raw_number_is_the_number_of_the_device_tree_and_32(uint raw, uint cell)
    {
        Assert.Equal(cell, new IntId(raw).SpiCell);
        Assert.Equal(raw, IntId.FromSpiCell(cell).Raw);
        Assert.Equal(new IntId(raw), IntId.FromSpiCell(cell));
        Assert.Equal($"INTID {raw} (SPI {cell})", new IntId(raw).ToString());
    }

    [Theory, InlineData(0u), InlineData(15u), InlineData(31u), InlineData(1020u), InlineData(1023u), InlineData(8192u), InlineData(uint.MaxValue)]
    public void A_number_that_is_no_shared_interrupt_is_refused(uint raw) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new IntId(raw));

    [Theory, InlineData(988u), InlineData(uint.MaxValue), InlineData(uint.MaxValue - 31)]
    public void A_device_tree_number_that_does_not_exist_is_refused(uint cell) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => IntId.FromSpiCell(cell));
}
