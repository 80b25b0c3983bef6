using Squib.Virtio.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Split rings that no honest driver makes.</summary>
public sealed class SplitRingHostileTests
{
    private const ulong Far = Bench.R0 + 0x20_0000;

    [Theory, InlineData(0), InlineData(Raw.Write)]
    [Trait("Case", "Q01")]
    public void A_descriptor_that_names_itself_as_the_next_one_is_a_loop(ushort direction)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Split.Write(0, Bench.Buffer(0), 16, (ushort)(direction | Raw.Next), 0);
        bench.Split.Offer(0);
        bench.Split.NextDescriptor = 1;
        bench.KickAndExpectDrop(ChainFault.TooLong, 0);
    }

    [Theory, InlineData(0), InlineData(Raw.Write)]
    [Trait("Case", "Q02")]
    public void Two_descriptors_that_name_each_other_are_a_loop(ushort direction)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Split.Write(0, Bench.Buffer(0), 16, (ushort)(direction | Raw.Next), 1);
        bench.Split.Write(1, Bench.Buffer(1), 16, (ushort)(direction | Raw.Next), 0);
        bench.Split.Offer(0);
        bench.Split.NextDescriptor = 2;
        bench.KickAndExpectDrop(ChainFault.TooLong, 0);
    }

    [Fact]
    [Trait("Case", "Q05"), Trait("Row", "SPLIT-02")]
    public void A_whole_table_whose_last_descriptor_names_the_first_is_a_loop()
    {
        using Bench bench = new(RingFormat.Split);
        for (int i = 0; i < 8; i++) bench.Split.Write(i, Bench.Buffer(i), 16, Raw.Next, (ushort)((i + 1) % 8));
        bench.Split.Offer(0);
        bench.KickAndExpectDrop(ChainFault.TooLong, 0, ringIsFull: true);
    }

    [Fact]
    [Trait("Case", "Q05"), Trait("Row", "SPLIT-02")]
    public void A_loop_ends_before_its_first_descriptor_is_read_again()
    {
        using Bench bench = new(RingFormat.Split);
        for (int i = 0; i < 7; i++) bench.Split.Write(i, Bench.Buffer(i), 16, Raw.Next, (ushort)(i + 1));
        bench.Split.Write(7, Bench.Buffer(7), 16, Raw.Next | Raw.Write, 0);
        bench.Split.Offer(0);
        // Read once more it would be a readable descriptor after a writable one.
        bench.KickAndExpectDrop(ChainFault.TooLong, 0, ringIsFull: true);
    }

    [Theory, InlineData(8), InlineData(9), InlineData(0x7fff), InlineData(0xffff)]
    [Trait("Case", "Q06")]
    public void A_next_descriptor_outside_the_table_is_refused(ushort next)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Split.Write(0, Bench.Buffer(0), 16, Raw.Next, next);
        bench.Split.Offer(0);
        bench.Split.NextDescriptor = 1;
        bench.KickAndExpectDrop(ChainFault.NextOutOfRange, 0);
    }

    [Theory, InlineData(8), InlineData(0x7fff), InlineData(0x8000), InlineData(0xffff)]
    [Trait("Case", "Q07"), Trait("Row", "BASE-03"), Trait("Row", "BASE-04")]
    public void A_head_outside_the_table_breaks_the_ring(ushort head)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Split.Offer(head);
        bench.KickAndExpectBroken();
    }

    [Fact]
    [Trait("Case", "Q07")]
    public void What_was_served_before_the_ring_broke_stays_within_its_buffers()
    {
        using Bench bench = new(RingFormat.Split);
        bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Split.Offer(8);
        bench.Ring.Publish();
        bench.Remember();
        bench.Ring.Notify();
        Assert.True(bench.NeedsReset);
        bench.AssertUntouched();
        bench.Recover();
    }

    [Theory, InlineData(9), InlineData(0x8000), InlineData(0xffff)]
    [Trait("Case", "Q08")]
    public void An_available_index_more_than_the_queue_ahead_breaks_the_ring(ushort index)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Split.AvailableIndex = index;
        bench.KickAndExpectBroken();
    }

    [Fact]
    [Trait("Case", "Q09")]
    public void An_available_index_that_goes_back_by_one_breaks_the_ring()
    {
        using Bench bench = new(RingFormat.Split);
        for (int i = 0; i < 5; i++) bench.AssertHealthy();
        Assert.Equal(5, bench.Split.UsedIndex);
        bench.Split.AvailableIndex = 4;
        bench.KickAndExpectBroken();
    }

    [Fact]
    [Trait("Case", "Q10")]
    public void An_available_index_set_back_to_zero_breaks_the_ring()
    {
        using Bench bench = new(RingFormat.Split);
        Serve(bench, 5000);
        bench.Split.AvailableIndex = 0;
        bench.KickAndExpectBroken();
    }

    [Theory]
    [InlineData(RingFormat.Split, 8), InlineData(RingFormat.Split, 32768), InlineData(RingFormat.Split, 1)]
    [InlineData(RingFormat.Packed, 8), InlineData(RingFormat.Packed, 32768), InlineData(RingFormat.Packed, 1), InlineData(RingFormat.Packed, 7)]
    [InlineData(RingFormat.SplitIndirect, 1), InlineData(RingFormat.PackedIndirect, 1)]
    [Trait("Case", "Q11"), Trait("Case", "P01"), Trait("Row", "SPLIT-D01"), Trait("Row", "SPLIT-D02")]
    [Trait("Row", "PACKED-D01"), Trait("Row", "PACKED-D02")]
    public void Requests_go_on_past_every_wrap_of_the_indices(RingFormat format, int size)
    {
        using Bench bench = new(format, size);
        Serve(bench, 200_000);
        Assert.Equal(200_000, bench.Queue.ChainsTaken);
        bench.AssertFaults(ChainFault.None, 0);
        bench.AssertHealthy();
    }

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Case", "Q27")]
    public void What_the_driver_writes_over_the_used_ring_does_not_matter(bool eventIndex)
    {
        using Bench bench = new(RingFormat.Split, options: new() { EventIndex = eventIndex });
        for (int i = 1; i <= 20; i++)
        {
            byte[] garbage = new byte[4 + (8 * 8)];
            Array.Fill(garbage, (byte)0xff);
            bench.Memory.TryWrite(bench.Ring.DeviceArea, garbage);
            bench.Ring.Post(Raw.Out(Bench.Buffer(0), 4));
            bench.Ring.Kick();
            Assert.Equal(i, bench.Split.UsedIndex);
            bench.AssertUsed((ushort)((i - 1) % 8), 4);
        }

        bench.AssertHealthy();
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q28"), Trait("Case", "S01"), Trait("Row", "SPLIT-22")]
    public void Kicks_without_anything_new_do_nothing(RingFormat format)
    {
        using Bench bench = new(format);
        bench.AssertHealthy();
        bench.Driver.WriteRegister(MmioRegister.InterruptAck, 3);
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.Remember();
        long served = bench.Fill.Requests;
        for (int i = 0; i < 1000; i++) bench.Ring.Notify();
        Assert.Equal(served, bench.Fill.Requests);
        Assert.Equal(pulses, bench.Gic.Pulses(new Slot(0).Interrupt));
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.InterruptStatus));
        Assert.Equal(0x0fu, (uint)bench.Driver.Status);
        bench.AssertUntouched();
        bench.AssertHealthy();
        bench.Recover();
        for (int i = 0; i < 1000; i++) bench.Ring.Notify();
        bench.AssertHealthy();
    }

    public static TheoryData<RingFormat> Formats => RingFormats.Direct;

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Case", "Q33"), Trait("Case", "S06")]
    public void A_full_ring_of_the_largest_size_is_served_from_one_kick(bool packed)
    {
        using Bench bench = new(packed ? RingFormat.Packed : RingFormat.Split, 32768);
        for (int i = 0; i < 32768; i++) bench.Ring.Post(Raw.Out(Far + (ulong)(4 * i), 4));
        bench.Ring.Kick();
        bench.AssertOthersServe();
        for (int i = 0; i < 32768; i++) bench.AssertUsed((ushort)i, 4);
        bench.AssertNothingUsed();
        byte[] filled = new byte[4 * 32768];
        bench.Memory.TryRead(Far, filled);
        Assert.DoesNotContain(filled, b => b != FillDevice.Filler);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q32")]
    public void Descriptors_that_become_garbage_after_the_kick_do_not_change_a_request(RingFormat format)
    {
        HoldingDevice device = new(8);
        using Bench bench = new(format, device: device);
        ushort id = bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        Assert.Equal(1, device.HeldCount);
        bench.Ring.WriteDescriptor(bench.Ring.Descriptors, 0, 0xffff_ffff_ffff_0000, 0x7fff_ffff, 0x5555, 0);
        bench.Remember();
        device.CompleteAll();
        bench.AssertUsed(id, 64);
        bench.AssertUntouched();
    }

    private static void Serve(Bench bench, int requests)
    {
        for (int i = 0; i < requests; i++)
        {
            ushort id = bench.Format.IsIndirect()
                ? bench.Ring.PostIndirect(Bench.Table(0), Raw.In(Bench.Buffer(0), 4), Raw.Out(Bench.Buffer(1), 4))
                : bench.Ring.Post(Raw.Out(Bench.Buffer(1), 4));
            bench.Ring.Kick();
            bool used = bench.Ring.TryTakeUsed(out ushort usedId, out uint length);
            if (!used || usedId != id || length != 4) Assert.Fail($"Request {i}: used {used}, id {usedId}, length {length}.");
        }
    }
}
