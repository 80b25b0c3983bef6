using Squib.Machine.Devices;
using Squib.Virtio.Bus;
using Xunit;

namespace Squib.Machine.Tests.Devices;

public sealed class GicRegistersTests
{
    private readonly GicDriver gic = new(initialise: false);

    [Fact]
    public void The_controller_says_what_it_is()
    {
        Assert.Equal(0x50u, gic.Distributor(0));
        uint type = gic.Distributor(4);
        Assert.Equal(8u, type & 31);
        Assert.Equal(9u, (type >> 19) & 31);
        Assert.Equal(0x30u, gic.Distributor(0xFFE8) & 0xF0);
        Assert.Equal(0x30u, gic.Redistributor(0xFFE8) & 0xF0);
        Assert.Equal(0x10u, gic.Redistributor(8));
        Assert.Equal(0u, gic.Redistributor(12));
        Assert.Equal(7u, gic.System(IccRegister.Sre) & 7);
        Assert.Equal(0x400u, gic.System(IccRegister.Ctlr));
    }

    [Fact]
    public void A_64_bit_access_is_two_registers()
    {
        Span<byte> data = stackalloc byte[8];
        gic.Gic.RedistributorFrame.Read(8, data);
        Assert.Equal(0x10, data[0]);
        gic.Gic.DistributorFrame.Write(0x6000 + (8 * 48), [5, 0, 0, 0x80, 7, 0, 0, 0]);
        gic.Gic.DistributorFrame.Read(0x6000 + (8 * 48), data);
        Assert.Equal([5, 0, 0, 0x80, 7, 0, 0, 0], data.ToArray());
    }

    [Fact]
    public void Enables_pending_and_active_bits_are_set_and_cleared_one_by_one()
    {
        foreach (uint set in new uint[] { 0x100, 0x200, 0x300 })
        {
            gic.Distributor(set + 4, 0xF0);
            gic.Distributor(set + 0x84, 0x30);
            Assert.Equal(0xC0u, gic.Distributor(set + 4));
            Assert.Equal(0xC0u, gic.Distributor(set + 0x84));
        }
    }

    [Fact]
    public void A_high_level_stays_pending_whatever_is_written()
    {
        gic.Level(33, true);
        gic.Distributor(0x284, 2);
        Assert.Equal(2u, gic.Distributor(0x204));
        gic.Level(33, false);
        Assert.Equal(0u, gic.Distributor(0x204));
    }

    [Fact]
    public void Priorities_have_five_bits_and_are_bytes()
    {
        gic.SetPriority(50, 0xFF);
        Assert.Equal(0x00F8_0000u, gic.Distributor(0x430));
        gic.SetPriority(3, 0x47);
        Assert.Equal(0x4000_0000u, gic.Redistributor(0x1_0400));
        Span<byte> one = stackalloc byte[1];
        gic.Gic.DistributorFrame.Read(0x432, one);
        Assert.Equal(0xF8, one[0]);
    }

    [Fact]
    public void Triggers_read_back_and_software_interrupts_are_always_edges()
    {
        gic.Distributor(0xC0C, 0xAA00_00FF);
        Assert.Equal(0xAA00_00AAu, gic.Distributor(0xC0C));
        gic.Redistributor(0x1_0C00, 0);
        Assert.Equal(0xAAAA_AAAAu, gic.Redistributor(0x1_0C00));
        gic.Redistributor(0x1_0C04, 8);
        Assert.Equal(8u, gic.Redistributor(0x1_0C04));
    }

    [Fact]
    public void The_distributor_does_not_show_private_interrupts()
    {
        gic.Redistributor(0x1_0100, uint.MaxValue);
        Assert.Equal(0u, gic.Distributor(0x100));
        gic.Distributor(0x180, uint.MaxValue);
        Assert.Equal(uint.MaxValue, gic.Redistributor(0x1_0100));
    }

    [Fact]
    public void The_binary_points_and_the_mask_keep_what_exists_of_them()
    {
        gic.System(IccRegister.Bpr0, 0);
        gic.System(IccRegister.Bpr1, 0);
        gic.System(IccRegister.Pmr, 0xFF);
        Assert.Equal(2u, gic.System(IccRegister.Bpr0));
        Assert.Equal(3u, gic.System(IccRegister.Bpr1));
        Assert.Equal(0xF8u, gic.System(IccRegister.Pmr));
    }

    [Fact]
    public void Registers_that_do_not_exist_are_refused()
    {
        Assert.False(gic.Gic.TryReadSystemRegister(IccRegister.Ap0r0 + 1, out _));
        Assert.False(gic.Gic.TryReadSystemRegister(IccRegister.Eoir1, out _));
        Assert.False(gic.Gic.TryWriteSystemRegister(IccRegister.Iar1, 0));
        Assert.False(gic.Gic.TryWriteSystemRegister(IccRegister.Ap1r0 + 3, 0));
    }

    [Fact]
    public void No_access_of_any_width_anywhere_throws()
    {
        byte[] data = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        foreach ((IBusDevice frame, ulong size) in new[]
            { (gic.Gic.DistributorFrame, 0x1_0000ul), (gic.Gic.RedistributorFrame, 0x2_0000ul) })
        {
            foreach (int width in new[] { 1, 2, 3, 4, 5, 8 })
            {
                for (ulong offset = 0; offset + (ulong)width <= size; offset++)
                {
                    frame.Write(offset, data.AsSpan(0, width));
                    frame.Read(offset, data.AsSpan(0, width));
                    data.AsSpan().Fill(0xFF);
                }
            }
        }

        Assert.True(gic.Gic.TryReadSystemRegister(IccRegister.Rpr, out _));
    }
}
