using Squib.Machine.Devices;
using Xunit;

namespace Squib.Machine.Tests.Devices;

public sealed class Gicv3Tests
{
    private const uint Block = 48;
    private const uint Net = 49;
    private const uint Uart = 33;
    private const uint Timer = 27;

    private readonly GicDriver gic = new();

    [Fact]
    public void A_pulse_interrupts_is_acknowledged_once_and_ends()
    {
        gic.EnableEdge(Block);
        gic.Pulse(Block);
        Assert.True(gic.Irq);
        Assert.Equal(Block, gic.Acknowledge());
        Assert.False(gic.Irq);
        gic.End(Block);
        Assert.False(gic.Irq);
        Assert.Equal(GicDriver.Spurious, gic.Acknowledge());
    }

    [Fact]
    public void A_pulse_while_disabled_interrupts_when_enabled()
    {
        gic.MakeEdge(Block);
        gic.Pulse(Block);
        Assert.False(gic.Irq);
        gic.Enable(Block);
        Assert.Equal(Block, gic.Acknowledge());
    }

    [Fact]
    public void A_pulse_while_active_interrupts_again_after_the_end()
    {
        gic.EnableEdge(Block);
        gic.Pulse(Block);
        Assert.Equal(Block, gic.Acknowledge());
        gic.Pulse(Block);
        Assert.False(gic.Irq);
        gic.End(Block);
        Assert.True(gic.Irq);
        Assert.Equal(Block, gic.Acknowledge());
        gic.End(Block);
        Assert.False(gic.Irq);
    }

    [Fact]
    public void Two_pulses_before_the_acknowledgement_are_one_interrupt()
    {
        gic.EnableEdge(Block);
        gic.Pulse(Block);
        gic.Pulse(Block);
        gic.End(gic.Acknowledge());
        Assert.False(gic.Irq);
    }

    [Fact]
    public void A_pulse_on_a_level_triggered_line_leaves_nothing()
    {
        gic.Enable(Block);
        gic.Pulse(Block);
        Assert.False(gic.Irq);
    }

    [Fact]
    public void A_level_that_stays_high_interrupts_again_after_the_end()
    {
        gic.Enable(Uart);
        gic.Level(Uart, true);
        Assert.Equal(Uart, gic.Acknowledge());
        Assert.False(gic.Irq);
        gic.End(Uart);
        Assert.True(gic.Irq);
        Assert.Equal(Uart, gic.Acknowledge());
        gic.Level(Uart, false);
        gic.End(Uart);
        Assert.False(gic.Irq);
    }

    [Fact]
    public void A_level_that_falls_before_the_acknowledgement_is_spurious()
    {
        gic.Enable(Uart);
        gic.Level(Uart, true);
        gic.Level(Uart, false);
        Assert.False(gic.Irq);
        Assert.Equal(GicDriver.Spurious, gic.Acknowledge());
    }

    [Fact]
    public void A_level_held_on_an_edge_triggered_line_is_one_interrupt()
    {
        gic.EnableEdge(Uart);
        gic.Level(Uart, true);
        gic.Level(Uart, true);
        gic.End(gic.Acknowledge());
        Assert.False(gic.Irq);
    }

    [Fact]
    public void The_more_urgent_interrupt_goes_first_and_the_lower_number_among_equals()
    {
        gic.EnableEdge(Block);
        gic.EnableEdge(Net);
        gic.EnableEdge(200);
        gic.SetPriority(200, 0x80);
        gic.Pulse(Net);
        gic.Pulse(Block);
        gic.Pulse(200);
        uint[] order = new uint[3];
        for (int i = 0; i < order.Length; i++) gic.End(order[i] = gic.Acknowledge());
        Assert.Equal([200, Block, Net], order);
    }

    [Fact]
    public void An_equal_priority_does_not_preempt_a_higher_one_does()
    {
        gic.EnableEdge(Block);
        gic.EnableEdge(Net);
        gic.Pulse(Block);
        Assert.Equal(Block, gic.Acknowledge());
        gic.Pulse(Net);
        Assert.False(gic.Irq);
        gic.SetPriority(Net, 0x98);
        Assert.True(gic.Irq);
        Assert.Equal(Net, gic.Acknowledge());
        Assert.Equal(0x98u, gic.System(IccRegister.Rpr));
        gic.End(Net);
        Assert.Equal(0xA0u, gic.System(IccRegister.Rpr));
        gic.End(Block);
        Assert.Equal(0xFFu, gic.System(IccRegister.Rpr));
    }

    [Fact]
    public void The_binary_point_makes_near_priorities_equal()
    {
        gic.System(IccRegister.Bpr1, 5);
        gic.EnableEdge(Block);
        gic.EnableEdge(Net);
        gic.SetPriority(Net, 0x80);
        gic.SetPriority(Block, 0x98);
        gic.Pulse(Block);
        Assert.Equal(Block, gic.Acknowledge());
        gic.Pulse(Net);
        Assert.False(gic.Irq);
        gic.SetPriority(Net, 0x78);
        Assert.True(gic.Irq);
    }

    [Theory]
    [InlineData(0xA0, false)]
    [InlineData(0xA8, true)]
    [InlineData(0x00, false)]
    [InlineData(0xF0, true)]
    public void Only_priorities_below_the_mask_interrupt(uint mask, bool expected)
    {
        gic.EnableEdge(Block);
        gic.System(IccRegister.Pmr, mask);
        gic.Pulse(Block);
        Assert.Equal(expected, gic.Irq);
        Assert.Equal(expected ? Block : GicDriver.Spurious, gic.Acknowledge());
    }

    [Fact]
    public void Raising_the_mask_lets_a_waiting_interrupt_through()
    {
        gic.System(IccRegister.Pmr, 0);
        gic.EnableEdge(Block);
        gic.Pulse(Block);
        Assert.Equal(Block, gic.System(IccRegister.Hppir1));
        Assert.False(gic.Irq);
        gic.System(IccRegister.Pmr, 0xF0);
        Assert.True(gic.Irq);
    }

    [Fact]
    public void With_separate_deactivation_the_end_only_drops_the_priority()
    {
        gic.System(IccRegister.Ctlr, 2);
        gic.EnableEdge(Block);
        gic.EnableEdge(Net);
        gic.Pulse(Block);
        Assert.Equal(Block, gic.Acknowledge());
        gic.Pulse(Block);
        gic.Pulse(Net);
        gic.End(Block);
        Assert.Equal(Net, gic.Acknowledge());
        gic.End(Net);
        Assert.False(gic.Irq);
        gic.System(IccRegister.Dir, Block);
        Assert.Equal(Block, gic.Acknowledge());
    }

    [Fact]
    public void Without_separate_deactivation_DIR_does_nothing()
    {
        gic.EnableEdge(Block);
        gic.Pulse(Block);
        Assert.Equal(Block, gic.Acknowledge());
        gic.System(IccRegister.Dir, Block);
        Assert.Equal(1u << 16, gic.Distributor(0x304));
    }

    [Fact]
    public void An_end_without_an_active_interrupt_changes_nothing()
    {
        gic.EnableEdge(Block);
        gic.Pulse(Block);
        gic.End(Block);
        gic.End(GicDriver.Spurious);
        gic.End(5000);
        Assert.True(gic.Irq);
    }

    [Fact]
    public void A_private_level_follows_its_input()
    {
        gic.Enable(Timer);
        gic.Gic.SetPpiLevel(Timer, true);
        Assert.Equal(Timer, gic.Acknowledge());
        gic.Gic.SetPpiLevel(Timer, false);
        gic.End(Timer);
        Assert.False(gic.Irq);
    }

    [Theory]
    [InlineData(0x0000_0000_0700_0001ul, 7u)]
    [InlineData(0x0000_0100_0700_0001ul, GicDriver.Spurious)]
    [InlineData(0x0000_0000_0700_0002ul, GicDriver.Spurious)]
    [InlineData(0x0000_0000_0701_0001ul, GicDriver.Spurious)]
    [InlineData(0x0001_0000_0700_0001ul, GicDriver.Spurious)]
    public void A_software_interrupt_reaches_this_CPU_alone(ulong sgi, uint expected)
    {
        gic.Enable(7);
        gic.System(IccRegister.Sgi1r, sgi);
        Assert.Equal(expected, gic.Acknowledge());
    }

    [Fact]
    public void A_software_interrupt_of_the_other_group_is_not_sent()
    {
        gic.Enable(7);
        gic.System(IccRegister.Sgi0r, 0x0700_0001);
        Assert.Equal(0u, gic.Redistributor(0x1_0200));
    }

    [Fact]
    public void Group_0_is_polled_and_never_an_IRQ()
    {
        gic.System(IccRegister.Igrpen0, 1);
        gic.Distributor(0x084, uint.MaxValue & ~(1u << 16));
        gic.EnableEdge(Block);
        gic.Pulse(Block);
        Assert.False(gic.Irq);
        Assert.Equal(GicDriver.Spurious, gic.Acknowledge());
        Assert.Equal(Block, gic.System(IccRegister.Hppir0));
        Assert.Equal(Block, gic.System(IccRegister.Iar0));
        Assert.Equal(1u << 20, gic.System(IccRegister.Ap0r0));
        gic.End(Block);
        Assert.Equal(1u << 20, gic.System(IccRegister.Ap0r0));
        gic.System(IccRegister.Eoir0, Block);
        Assert.Equal(0u, gic.System(IccRegister.Ap0r0));
    }

    [Fact]
    public void A_common_binary_point_is_that_of_group_0()
    {
        gic.System(IccRegister.Bpr0, 4);
        gic.System(IccRegister.Ctlr, 1);
        Assert.Equal(5u, gic.System(IccRegister.Bpr1));
        gic.System(IccRegister.Bpr1, 7);
        gic.System(IccRegister.Ctlr, 0);
        Assert.Equal(3u, gic.System(IccRegister.Bpr1));
    }

    [Theory]
    [InlineData(0x0000u, 0x00u)]
    [InlineData(0x0000u, 0x01u)]
    public void Nothing_is_forwarded_while_a_switch_is_off(uint offset, uint value)
    {
        gic.EnableEdge(Block);
        gic.Distributor(offset, value);
        gic.Pulse(Block);
        Assert.False(gic.Irq);
        gic.Distributor(0, 3);
        gic.System(IccRegister.Igrpen1, 0);
        Assert.False(gic.Irq);
        gic.System(IccRegister.Igrpen1, 1);
        gic.Redistributor(0x14, 2);
        Assert.False(gic.Irq);
        Assert.Equal(6u, gic.Redistributor(0x14));
        gic.Redistributor(0x14, 0);
        Assert.True(gic.Irq);
    }

    [Fact]
    public void Routing_to_a_CPU_that_does_not_exist_keeps_an_interrupt_from_this_one()
    {
        gic.EnableEdge(Block);
        gic.Distributor(0x6000 + (8 * Block), 1);
        gic.Pulse(Block);
        Assert.False(gic.Irq);
        gic.Distributor(0x6000 + (8 * Block), 0x8000_0001);
        Assert.True(gic.Irq);
        gic.Distributor(0x6004 + (8 * Block), 1);
        Assert.True(gic.Irq);
        gic.Distributor(0x6000 + (8 * Block), 0);
        Assert.False(gic.Irq);
        gic.Distributor(0x6004 + (8 * Block), 0);
        Assert.True(gic.Irq);
    }

    [Fact]
    public void Every_slot_and_the_last_line_can_interrupt()
    {
        for (uint interrupt = 48; interrupt < 80; interrupt++) gic.EnableEdge(interrupt);
        gic.EnableEdge(287);
        for (uint interrupt = 48; interrupt < 80; interrupt++)
        {
            gic.Pulse(interrupt);
            Assert.Equal(interrupt, gic.Acknowledge());
            gic.End(interrupt);
        }

        gic.Pulse(287);
        Assert.Equal(287u, gic.Acknowledge());
        gic.Pulse(288);
        gic.Level(1019, true);
        gic.End(287);
        Assert.False(gic.Irq);
    }

    [Fact]
    public void The_IRQ_input_is_only_told_of_changes()
    {
        gic.EnableEdge(Block);
        gic.EnableEdge(Net);
        int before = gic.Vcpu.IrqChanges;
        gic.Pulse(Block);
        gic.Pulse(Block);
        gic.Pulse(Net);
        Assert.Equal(before + 1, gic.Vcpu.IrqChanges);
    }

    [Fact]
    public async Task Pulses_from_many_threads_are_all_seen()
    {
        for (uint interrupt = 48; interrupt < 64; interrupt++) gic.EnableEdge(interrupt);
        Task[] devices = [.. Enumerable.Range(0, 4).Select(n => Task.Run(() =>
        {
            for (int i = 0; i < 2000; i++) gic.Pulse((uint)(48 + (4 * n) + (i % 4)));
        }))];
        HashSet<uint> seen = [];
        Task all = Task.WhenAll(devices);
        while (!all.IsCompleted || gic.Irq)
        {
            uint taken = gic.Acknowledge();
            if (taken == GicDriver.Spurious) continue;
            seen.Add(taken);
            gic.End(taken);
        }

        await all;
        Assert.Equal(16, seen.Count);
        Assert.Equal(GicDriver.Spurious, gic.System(IccRegister.Hppir1));
    }
}
