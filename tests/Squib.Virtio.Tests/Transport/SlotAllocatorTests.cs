using Squib.Virtio.Interrupts;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

public sealed class SlotAllocatorTests
{
    private readonly SlotAllocator slots = new();

    [Fact]
    public void Thirty_two_slots_are_handed_out_lowest_first_and_the_33rd_is_an_error()
    {
        for (int i = 0; i < 32; i++) Assert.Equal(i, slots.Allocate().Number);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => slots.Allocate());
        Assert.Contains("32", error.Message, StringComparison.Ordinal);
        Assert.Equal(32, slots.Taken.Count);
    }

    [Fact]
    public void A_slot_that_is_given_back_is_used_again()
    {
        for (int i = 0; i < 32; i++) slots.Allocate();
        slots.Free(new(7));
        slots.Free(new(30));
        Assert.Equal(30, slots.Taken.Count);
        Assert.Equal(7, slots.Allocate().Number);
        Assert.Equal(30, slots.Allocate().Number);
        Assert.Throws<InvalidOperationException>(() => slots.Allocate());
    }

    [Theory, InlineData(1), InlineData(31), InlineData(32), InlineData(-1), InlineData(int.MaxValue), InlineData(int.MinValue)]
    public void A_slot_that_is_not_taken_cannot_be_given_back(int number)
    {
        slots.Allocate();
        ArgumentException error = Assert.Throws<ArgumentException>(() => slots.Free(new(number)));
        Assert.Contains($"Slot {number} is not taken", error.Message, StringComparison.Ordinal);
        Assert.Equal([new Slot(0)], slots.Taken);
    }

    [Fact]
    public void Threads_never_get_the_same_slot()
    {
        int[] numbers = new int[32];
        Parallel.For(0, 32, new() { MaxDegreeOfParallelism = 4 }, i => numbers[i] = slots.Allocate().Number);
        Assert.Equal(Enumerable.Range(0, 32), numbers.Order());
    }

    [Theory, InlineData(0, 0x0f00_0000ul, 48u), InlineData(1, 0x0f00_1000ul, 49u), InlineData(31, 0x0f01_f000ul, 79u)]
    public void A_slot_describes_itself(int number, ulong address, uint interrupt)
    {
        Slot slot = new(number);
        Assert.Equal(new(address, 0x1000), slot.Range);
        Assert.Equal(new IntId(interrupt), slot.Interrupt);
        Assert.Equal($"virtio_mmio@{address:x}", slot.DeviceTreeName);
        Assert.Equal("virtio,mmio", Slot.DeviceTreeCompatible);
        Assert.Equal([0, interrupt - 32, 1], slot.DeviceTreeInterrupts());
        Assert.Equal([0, interrupt - 32, 4], slot.DeviceTreeInterrupts(IrqTrigger.Level));
    }

    [Fact]
    public void No_two_slots_overlap()
    {
        Slot[] all = [.. Enumerable.Range(0, 32).Select(n => new Slot(n))];
        foreach (Slot a in all) Assert.DoesNotContain(all, b => a != b && a.Range.Overlaps(b.Range));
    }
}
