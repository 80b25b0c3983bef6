using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Packed rings that no honest driver makes, and the corners of those that it does.</summary>
public sealed class PackedRingHostileTests
{
    [Theory, InlineData(Raw.Avail | Raw.Used), InlineData(0), InlineData(Raw.Used)]
    [Trait("Case", "P02"), Trait("Row", "PACKED-06"), Trait("Row", "PACKED-D03")]
    public void A_slot_with_any_other_phase_is_not_available(ushort phase)
    {
        using Bench bench = new(RingFormat.Packed);
        bench.Packed.Write(0, Bench.Buffer(0), 64, 0, (ushort)(phase | Raw.Write));
        bench.Remember();
        for (int i = 0; i < 10; i++) bench.Ring.Notify();
        Assert.Equal(0, bench.Fill.Requests);
        bench.AssertUntouched();
        Assert.False(bench.NeedsReset);
        bench.AssertHealthy();
    }

    [Theory, InlineData(0), InlineData(Raw.Write)]
    [Trait("Case", "P03"), Trait("Row", "PACKED-09")]
    public void A_chain_that_fills_the_ring_and_does_not_end_breaks_it(ushort direction)
    {
        using Bench bench = new(RingFormat.Packed);
        for (int i = 0; i < 8; i++)
            bench.Packed.Write(i, Bench.Buffer(i), 64, (ushort)i, (ushort)(direction | Raw.Next | Raw.Avail));
        bench.KickAndExpectBroken();
    }

    [Theory, InlineData(0), InlineData(Raw.Avail | Raw.Used), InlineData(Raw.Used)]
    [Trait("Case", "P04")]
    public void A_chain_that_goes_on_in_a_slot_that_is_not_available_breaks_the_ring(ushort stalePhase)
    {
        using Bench bench = new(RingFormat.Packed);
        bench.Packed.Write(1, 0xdead_0000, 64, 0, (ushort)(stalePhase | Raw.Write));
        bench.Packed.Write(0, Bench.Buffer(0), 64, 0, Raw.Write | Raw.Next | Raw.Avail);
        bench.KickAndExpectBroken();
    }

    [Fact]
    [Trait("Case", "P05")]
    public void The_device_stops_before_a_slot_with_the_wrong_phase_and_goes_on_when_it_is_right()
    {
        using Bench bench = new(RingFormat.Packed);
        for (int i = 0; i < 5; i++) bench.Ring.Post(Raw.Out(Bench.Buffer(i), 4));
        bench.Ring.Publish();
        bench.Ring.Store16(bench.Ring.Descriptors + (16 * 3) + 14, Raw.Used | Raw.Write);
        bench.Ring.Notify();
        Assert.Equal(3, bench.Fill.Requests);
        bench.Ring.Store16(bench.Ring.Descriptors + (16 * 3) + 14, Raw.Avail | Raw.Write);
        bench.Ring.Notify();
        Assert.Equal(5, bench.Fill.Requests);
        for (int i = 0; i < 5; i++) bench.AssertUsed((ushort)i, 4);
        bench.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "P05")]
    public void A_ring_in_the_inverted_phase_is_invisible()
    {
        using Bench bench = new(RingFormat.Packed);
        for (int i = 0; i < 8; i++) bench.Packed.Write(i, Bench.Buffer(i), 4, (ushort)i, Raw.Used | Raw.Write);
        bench.Remember();
        bench.Ring.Notify();
        Assert.Equal(0, bench.Fill.Requests);
        bench.AssertUntouched();
        bench.AssertHealthy();
    }

    [Theory, InlineData(8), InlineData(0x7fff), InlineData(0xffff)]
    [Trait("Case", "P06"), Trait("Row", "PACKED-D05")]
    public void Any_buffer_id_is_echoed(ushort id)
    {
        using Bench bench = new(RingFormat.Packed);
        for (int i = 0; i < 20; i++)
        {
            bench.Packed.Post(id, Raw.In(Bench.Buffer(0), 4), Raw.Out(Bench.Buffer(1), 6));
            bench.Ring.Kick();
            bench.AssertUsed(id, 6);
        }

        bench.AssertHealthy();
    }

    [Theory, InlineData(0), InlineData(7), InlineData(0xffff)]
    [Trait("Case", "P06"), Trait("Row", "PACKED-D05")]
    public void Any_buffer_id_is_kept_while_the_buffer_is_with_the_backend(ushort id)
    {
        HoldingDevice device = new(8);
        using Bench bench = new(RingFormat.Packed, device: device);
        bench.Packed.Post(id, Raw.Out(Bench.Buffer(1), 6));
        bench.Packed.Post((ushort)(id ^ 0x40), Raw.Out(Bench.Buffer(2), 9));
        bench.Ring.Kick();
        device.Complete(1);
        bench.AssertUsed((ushort)(id ^ 0x40), 9);
        device.Complete(0);
        bench.AssertUsed(id, 6);
    }

    [Fact]
    [Trait("Case", "P07")]
    public void A_buffer_id_that_the_device_still_has_breaks_the_ring()
    {
        HoldingDevice device = new(8);
        using Bench bench = new(RingFormat.Packed, device: device);
        bench.Packed.Post(5, Raw.Out(Bench.Buffer(0), 64));
        bench.Packed.Post(5, Raw.Out(Bench.Buffer(1), 64));
        bench.Ring.Publish();
        bench.Remember();
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.Ring.Notify();
        Assert.Equal(1, device.HeldCount);
        bench.AssertUntouched();
        bench.AssertBroken(pulses);
        device.CompleteAll();
        bench.AssertNothingUsed();
        bench.Driver.WriteRegister(MmioRegister.Status, 0);
        bench.Start();
        bench.Packed.Post(5, Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        device.CompleteAll();
        bench.AssertUsed(5, 64);
    }

    [Fact]
    [Trait("Case", "P07")]
    public void A_driver_that_makes_slots_available_again_that_the_device_has_breaks_the_ring()
    {
        HoldingDevice device = new(8);
        using Bench bench = new(RingFormat.Packed, device: device);
        for (int i = 0; i < 8; i++) bench.Packed.Post((ushort)i, Raw.Out(Bench.Buffer(i), 64));
        bench.Ring.Kick();
        Assert.Equal(8, device.HeldCount);
        bench.Packed.Post(100, Raw.Out(Bench.Buffer(9), 64));
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.Ring.Kick();
        Assert.Equal(8, device.HeldCount);
        bench.AssertBroken(pulses);
        device.CompleteAll();
    }

    [Fact]
    [Trait("Case", "P07")]
    public void A_chain_that_runs_into_slots_that_the_device_has_breaks_the_ring()
    {
        HoldingDevice device = new(8);
        using Bench bench = new(RingFormat.Packed, device: device);
        for (int i = 0; i < 7; i++) bench.Packed.Post((ushort)i, Raw.Out(Bench.Buffer(i), 64));
        bench.Ring.Kick();
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.Packed.Post(100, Raw.Out(Bench.Buffer(8), 64), Raw.Out(Bench.Buffer(9), 64));
        bench.Ring.Kick();
        Assert.Equal(7, device.HeldCount);
        bench.AssertBroken(pulses);
        device.CompleteAll();
    }

    [Fact]
    [Trait("Case", "P08")]
    public void A_fault_in_the_middle_of_a_chain_whose_end_is_known_costs_only_that_chain()
    {
        using Bench bench = new(RingFormat.Packed);
        bench.KickAndExpectDrop(ChainFault.OutsideMemory, bench.Offer(
            Raw.In(0xdead_0000, 16), Raw.In(Bench.Buffer(1), 16), Raw.Out(Bench.Buffer(2), 16)));
    }

    [Theory, InlineData(0, 3), InlineData(8, 2), InlineData(0x7fff, 2), InlineData(0x8008, 2), InlineData(0xffff, 0xffff)]
    [Trait("Case", "P09")]
    public void A_senseless_event_suppression_does_no_harm(ushort position, ushort flags)
    {
        using Bench bench = new(RingFormat.Packed);
        bench.Ring.Store16(bench.Ring.DriverArea, position);
        bench.Ring.Store16(bench.Ring.DriverArea + 2, flags);
        for (int i = 0; i < 40; i++) bench.AssertHealthy();
        bench.Ring.WantInterrupt();
        int before = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.AssertOneSlot(1);
        Assert.Equal(before + 1, bench.Gic.Pulses(new Slot(0).Interrupt));
    }

    [Fact]
    [Trait("Case", "P09")]
    public void The_reserved_event_mode_counts_as_a_wish_for_interrupts()
    {
        using Bench bench = new(RingFormat.Packed);
        bench.Ring.Store16(bench.Ring.DriverArea + 2, 3);
        int before = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.AssertOneSlot(1);
        Assert.Equal(before + 1, bench.Gic.Pulses(new Slot(0).Interrupt));
    }

    [Fact]
    [Trait("Case", "P11"), Trait("Row", "PACKED-08"), Trait("Row", "PACKED-D04")]
    public void A_chain_may_cross_the_end_of_the_ring()
    {
        using Bench bench = new(RingFormat.Packed);
        for (int i = 0; i < 6; i++) bench.AssertOneSlot(i);
        bench.Memory.TryWrite(Bench.Buffer(0), "first"u8);
        bench.Memory.TryWrite(Bench.Buffer(1), "second"u8);
        ushort id = bench.Offer(Raw.In(Bench.Buffer(0), 5), Raw.In(Bench.Buffer(1), 6), Raw.Out(Bench.Buffer(2), 11));
        bench.Ring.Kick();
        Assert.Equal(Raw.Avail | Raw.Used | Raw.Write, bench.Packed.FlagsOf(6));
        bench.AssertUsed(id, 11);
        byte[] got = new byte[11];
        bench.Memory.TryRead(Bench.Buffer(2), got);
        Assert.Equal("firstsecond"u8.ToArray(), got);
        bench.AssertOneSlot(20);
        // The slot after the chain, in the second lap: both flags are clear where a used one stands.
        Assert.Equal(Raw.Write, bench.Packed.FlagsOf(1));
    }

    [Fact]
    [Trait("Case", "P15")]
    public void Slots_that_the_driver_itself_marks_as_used_are_ignored()
    {
        using Bench bench = new(RingFormat.Packed);
        for (int i = 0; i < 8; i++) bench.Packed.Write(i, Bench.Buffer(i), 64, (ushort)i, Raw.Avail | Raw.Used | Raw.Write);
        bench.Remember();
        bench.Ring.Notify();
        Assert.Equal(0, bench.Fill.Requests);
        bench.AssertUntouched();
        Assert.False(bench.NeedsReset);
    }

    [Fact]
    [Trait("Case", "P17"), Trait("Row", "BASE-08"), Trait("Row", "BASE-16")]
    public void The_format_and_the_size_may_change_with_every_reset()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) =
            GuestDriver.Attach(new FillDevice(32768), new() { RingPacked = true });
        foreach ((bool packed, int size) in new[] { (true, 8), (false, 8), (true, 8), (true, 5), (true, 32768), (false, 1024), (true, 5) })
        {
            Assert.True(driver.Probe(packed ? ulong.MaxValue : ~VirtioFeature.RingPacked));
            RawRing ring = RawRing.Create(packed, driver, 0, size, 0x8010_0000);
            ring.Clear();
            ring.Enable();
            Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
            driver.SetDriverOk();
            for (int i = 0; i < (2 * size) + 3; i++)
            {
                ushort id = ring.Post(Raw.Out(0x8080_0000, 4));
                ring.Kick();
                Assert.True(ring.TryTakeUsed(out ushort usedId, out uint length));
                Assert.Equal((id, 4u), (usedId, length));
            }

            Assert.Equal(packed, (transport.NegotiatedFeatures & VirtioFeature.RingPacked) != 0);
        }
    }

    [Fact]
    [Trait("Row", "PACKED-D06")]
    public void The_write_flag_of_a_used_descriptor_says_whether_bytes_were_written()
    {
        using Bench bench = new(RingFormat.Packed);
        bench.Ring.Post(Raw.In(Bench.Buffer(0), 4));
        bench.Ring.Post(Raw.Out(Bench.Buffer(1), 7));
        bench.Ring.Kick();
        Assert.Equal((0u, (ushort)0, (ushort)(Raw.Avail | Raw.Used)), bench.Packed.Read(0));
        Assert.Equal((7u, (ushort)1, (ushort)(Raw.Avail | Raw.Used | Raw.Write)), bench.Packed.Read(1));
    }
}
