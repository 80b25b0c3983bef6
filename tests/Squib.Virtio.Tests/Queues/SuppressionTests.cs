using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Who notifies whom, and when not (virtio 1.2, 2.7.7, 2.7.10, 2.8.10).</summary>
public sealed class SuppressionTests
{
    private static readonly TransportOptions WithoutEvents = new() { EventIndex = false };

    public static TheoryData<RingFormat> Formats => RingFormats.Direct;

    // --- interrupts, split ring
    // -------------------------------------------------------------------------------------------------

    [Fact]
    [Trait("Case", "Q29"), Trait("Row", "SPLIT-09"), Trait("Row", "SPLIT-10"), Trait("Row", "SPLIT-11")]
    public void Without_event_index_the_flag_alone_decides_on_interrupts()
    {
        using Bench bench = new(RingFormat.Split, options: WithoutEvents);
        foreach (ushort misleading in new ushort[] { 0, 1, 0x7fff, 0xffff })
        {
            bench.Split.UsedEvent = misleading;
            bench.Ring.Store16(bench.Ring.DriverArea, 1);
            for (int i = 0; i < 25; i++) Assert.Equal(0, ServeAndCount(bench));
            Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.InterruptStatus));
            bench.Ring.Store16(bench.Ring.DriverArea, 0);
            for (int i = 0; i < 25; i++) Assert.Equal(1, ServeAndCount(bench));
            Assert.Equal(1u, bench.Driver.HandleInterrupt());
            bench.Ring.Store16(bench.Ring.DriverArea, 0xffff);
            Assert.Equal(0, ServeAndCount(bench));
            bench.Ring.Store16(bench.Ring.DriverArea, 0xfffe);
            Assert.Equal(1, ServeAndCount(bench));
            bench.Driver.HandleInterrupt();
        }
    }

    [Fact]
    [Trait("Case", "Q29"), Trait("Row", "SPLIT-12")]
    public void With_event_index_the_flag_is_ignored()
    {
        using Bench bench = new(RingFormat.Split);
        bench.Ring.Store16(bench.Ring.DriverArea, 0xffff);
        for (int i = 0; i < 100; i++)
        {
            bench.Ring.WantInterrupt();
            Assert.Equal(1, ServeAndCount(bench));
        }
    }

    [Fact]
    [Trait("Row", "SPLIT-13"), Trait("Row", "SPLIT-14"), Trait("Row", "SPLIT-D05")]
    public void With_event_index_the_interrupt_comes_with_the_element_that_the_driver_named()
    {
        using Bench bench = new(RingFormat.Split);
        bench.Split.UsedEvent = 5;
        for (int i = 0; i < 5; i++) Assert.Equal(0, ServeAndCount(bench));
        Assert.Equal(1, ServeAndCount(bench));
        for (int i = 0; i < 20; i++) Assert.Equal(0, ServeAndCount(bench));
    }

    [Fact]
    [Trait("Row", "SPLIT-13"), Trait("Row", "SPLIT-D06")]
    public void With_event_index_the_interrupt_comes_across_the_wrap_of_the_index_too()
    {
        using Bench bench = new(RingFormat.Split);
        bench.Split.UsedEvent = 0xffff;
        for (int i = 0; i < 65535; i++)
        {
            if (ServeAndCount(bench) != 0) Assert.Fail($"An interrupt for element {i}.");
        }

        Assert.Equal(1, ServeAndCount(bench));
        bench.Split.UsedEvent = 0;
        Assert.Equal(1, ServeAndCount(bench));
        bench.Split.UsedEvent = 0xfffe;
        Assert.Equal(0, ServeAndCount(bench));
    }

    [Theory, InlineData(0x8000), InlineData(-1), InlineData(0xffff), InlineData(8 + 5)]
    [Trait("Case", "Q30")]
    public void After_a_senseless_event_index_a_sane_one_works_again(int ahead)
    {
        using Bench bench = new(RingFormat.Split);
        for (int i = 0; i < 3; i++) bench.AssertOneSlot(i);
        bench.Split.UsedEvent = (ushort)(bench.Split.UsedIndex + ahead);
        for (int i = 0; i < 8; i++) bench.AssertOneSlot(i);
        bench.Ring.WantInterrupt();
        Assert.Equal(1, ServeAndCount(bench));
    }

    [Theory, InlineData(0, true), InlineData(1, true), InlineData(3, true)]
    [InlineData(4, false), InlineData(0x8000, false), InlineData(0xffff, false)]
    [Trait("Row", "SPLIT-D06")]
    public void A_batch_that_passes_the_event_index_makes_one_interrupt(ushort usedEvent, bool expected)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Split.UsedEvent = usedEvent;
        for (int i = 0; i < 4; i++) bench.Ring.Post(Raw.Out(Bench.Buffer(i), 4));
        int before = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.Ring.Kick();
        Assert.Equal(expected ? 1 : 0, bench.Gic.Pulses(new Slot(0).Interrupt) - before);
    }

    // --- interrupts, packed ring
    // ------------------------------------------------------------------------------------------------

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Row", "PACKED-D08"), Trait("Row", "PACKED-D09")]
    public void Modes_0_and_1_of_a_packed_ring_turn_interrupts_on_and_off(bool eventIndex)
    {
        using Bench bench = new(RingFormat.Packed, options: new() { EventIndex = eventIndex });
        for (int lap = 0; lap < 4; lap++)
        {
            bench.Ring.Store16(bench.Ring.DriverArea + 2, 1);
            for (int i = 0; i < 5; i++) Assert.Equal(0, ServeAndCount(bench));
            bench.Ring.Store16(bench.Ring.DriverArea + 2, 0);
            for (int i = 0; i < 6; i++) Assert.Equal(1, ServeAndCount(bench));
        }
    }

    [Theory, InlineData(8), InlineData(7), InlineData(1)]
    [Trait("Row", "PACKED-D09")]
    public void Mode_2_of_a_packed_ring_names_the_slot_of_the_next_interrupt(int size)
    {
        using Bench bench = new(RingFormat.Packed, size);
        int slot = 0;
        bool wrap = true;
        for (int i = 0; i < 60; i++)
        {
            // Three slots ahead of the next one, across the end of the ring too.
            int target = slot + Math.Min(3, size - 1);
            bool targetWrap = target >= size ? !wrap : wrap;
            bench.Ring.Store16(bench.Ring.DriverArea, (ushort)((target % size) | (targetWrap ? 0x8000 : 0)));
            bench.Ring.Store16(bench.Ring.DriverArea + 2, 2);
            for (int step = 0; step <= Math.Min(3, size - 1); step++)
            {
                int expected = step == Math.Min(3, size - 1) ? 1 : 0;
                Assert.Equal((i, step, expected), (i, step, ServeAndCount(bench)));
                if (++slot < size) continue;
                slot = 0;
                wrap = !wrap;
            }
        }
    }

    [Fact]
    [Trait("Row", "PACKED-D09")]
    public void A_slot_that_was_named_for_the_next_interrupt_brings_one_and_no_more()
    {
        using Bench bench = new(RingFormat.Packed);
        bench.Ring.Store16(bench.Ring.DriverArea, 0x8002);
        bench.Ring.Store16(bench.Ring.DriverArea + 2, 2);
        for (int i = 0; i < 16; i++) Assert.Equal((i, i == 2 ? 1 : 0), (i, ServeAndCount(bench)));
    }

    [Fact]
    [Trait("Row", "PACKED-D09")]
    public void Without_event_index_mode_2_counts_as_a_wish_for_interrupts()
    {
        using Bench bench = new(RingFormat.Packed, options: WithoutEvents);
        bench.Ring.Store16(bench.Ring.DriverArea, 0x8005);
        bench.Ring.Store16(bench.Ring.DriverArea + 2, 2);
        for (int i = 0; i < 20; i++) Assert.Equal(1, ServeAndCount(bench));
    }

    // --- kicks
    // ------------------------------------------------------------------------------------------------------------------

    [Fact]
    [Trait("Row", "SPLIT-18"), Trait("Row", "SPLIT-19")]
    public void Without_event_index_the_used_flags_of_a_split_ring_are_0_or_1()
    {
        using Bench bench = new(RingFormat.Split, options: WithoutEvents);
        HashSet<ushort> seen = [bench.Split.UsedFlags];
        bench.Fill.Serve = chain =>
        {
            seen.Add(bench.Split.UsedFlags);
            FillDevice.Fill(chain);
        };
        for (int i = 0; i < 20; i++)
        {
            bench.AssertOneSlot(i);
            seen.Add(bench.Split.UsedFlags);
            Assert.Equal(0, bench.Split.UsedFlags);
        }

        Assert.Equal(new ushort[] { 0, 1 }, seen.Order());
    }

    [Fact]
    [Trait("Row", "SPLIT-20"), Trait("Row", "SPLIT-21"), Trait("Row", "SPLIT-D05")]
    public void With_event_index_the_used_flags_of_a_split_ring_stay_0_and_the_device_names_an_index()
    {
        using Bench bench = new(RingFormat.Split);
        HashSet<ushort> seen = [];
        bench.Fill.Serve = chain =>
        {
            seen.Add(bench.Split.UsedFlags);
            FillDevice.Fill(chain);
        };
        for (int i = 0; i < 20; i++)
        {
            bench.AssertOneSlot(i);
            seen.Add(bench.Split.UsedFlags);
            Assert.Equal(i + 1, bench.Split.AvailableEvent);
        }

        Assert.Equal([(ushort)0], seen);
    }

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Row", "PACKED-D10"), Trait("Row", "PACKED-11")]
    public void The_device_area_of_a_packed_ring_says_when_to_kick(bool eventIndex)
    {
        using Bench bench = new(RingFormat.Packed, options: new() { EventIndex = eventIndex });
        HashSet<ushort> modes = [];
        bench.Fill.Serve = chain =>
        {
            modes.Add(bench.Ring.Load16(bench.Ring.DeviceArea + 2));
            FillDevice.Fill(chain);
        };
        for (int i = 0; i < 20; i++)
        {
            bench.AssertOneSlot(i);
            ushort mode = bench.Ring.Load16(bench.Ring.DeviceArea + 2);
            modes.Add(mode);
            Assert.Equal(eventIndex ? 2 : 0, mode);
            int position = bench.Packed.NextSlot | (bench.Packed.Wrap ? 0x8000 : 0);
            if (eventIndex) Assert.Equal(position, bench.Ring.Load16(bench.Ring.DeviceArea));
        }

        Assert.Equal(eventIndex ? new ushort[] { 2 } : [0, 1], modes.Order());
    }

    public static TheoryData<bool, bool, bool> AllRings
    {
        get
        {
            TheoryData<bool, bool, bool> data = [];
            foreach (bool packed in new[] { false, true })
            {
                foreach (bool eventIndex in new[] { false, true })
                {
                    foreach (bool notificationData in new[] { false, true }) data.Add(packed, eventIndex, notificationData);
                }
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(AllRings))]
    [Trait("Row", "SPLIT-19"), Trait("Row", "SPLIT-21"), Trait("Row", "PACKED-11"), Trait("Row", "BASE-D08")]
    public void A_driver_that_kicks_and_waits_only_as_told_never_hangs(bool packed, bool eventIndex, bool notificationData)
    {
        TransportOptions options = new() { RingPacked = packed, EventIndex = eventIndex, NotificationData = notificationData };
        (GuestDriver driver, VirtioMmioTransport transport, RecordingGic gic) =
            GuestDriver.Attach(new FillDevice(16), options);
        DriverQueue queue = driver.Start()!;
        Random random = new(7);
        int reaped = 0;
        for (int round = 0; round < 3000; round++)
        {
            int wanted = random.Next(1, 9);
            queue.RequestInterrupt();
            int before = gic.Pulses(new Slot(0).Interrupt);
            for (int i = 0; i < wanted; i++) queue.Add([[1, 2]], [4]);
            queue.Kick();
            Assert.True(gic.Pulses(new Slot(0).Interrupt) > before, "No interrupt for what the driver waits for.");
            Assert.Equal(1u, driver.HandleInterrupt());
            int now = queue.Reap().Count;
            Assert.Equal(wanted, now);
            reaped += now;
        }

        Assert.Equal(reaped, transport.Session!.Queues[0].ChainsTaken);
        Assert.Equal(0, transport.Session.Queues[0].InvalidNotifications);
    }

    // --- NOTIFICATION_DATA
    // ------------------------------------------------------------------------------------------------------

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "BASE-D08"), Trait("Row", "BASE-D09")]
    public void Notification_data_is_a_hint_that_is_never_trusted(RingFormat format)
    {
        using Bench bench = new(format, options: new() { NotificationData = true });
        uint Position() => bench.Ring is RawSplitRing split
            ? split.AvailableIndex
            : (uint)(bench.Packed.NextSlot | (bench.Packed.Wrap ? 0x8000 : 0));
        ushort id = bench.Ring.Post(Raw.Out(Bench.Buffer(0), 4));
        bench.Ring.Publish();
        // The position that the device is at itself promises nothing new.
        bench.Driver.WriteRegister(MmioRegister.QueueNotify, bench.Format.IsPacked() ? 0x8000_0000 : 0);
        bench.AssertNothingUsed();
        bench.Driver.WriteRegister(MmioRegister.QueueNotify, Position() << 16);
        bench.AssertUsed(id, 4);
        for (int i = 0; i < 3; i++) bench.Driver.WriteRegister(MmioRegister.QueueNotify, Position() << 16);
        bench.AssertNothingUsed();
        Assert.Equal(0, bench.Queue.InvalidNotifications);
        // A position that cannot be is counted; the device looks at its ring all the same.
        bench.Driver.WriteRegister(MmioRegister.QueueNotify, 0x4abc_0000);
        Assert.Equal(1, bench.Queue.InvalidNotifications);
        id = bench.Ring.Post(Raw.Out(Bench.Buffer(0), 4));
        bench.Ring.Publish();
        bench.Driver.WriteRegister(MmioRegister.QueueNotify, 0x4abc_0000);
        bench.AssertUsed(id, 4);
        Assert.Equal(7, bench.Queue.Notifications);
    }

    [Theory]
    [InlineData(RingFormat.Split, 8, true), InlineData(RingFormat.Split, 9, false), InlineData(RingFormat.Split, 0xffff, false)]
    [InlineData(RingFormat.Packed, 7, true), InlineData(RingFormat.Packed, 8, false), InlineData(RingFormat.Packed, 0x8007, true)]
    [InlineData(RingFormat.Packed, 0x8008, false)]
    [Trait("Row", "BASE-D09")]
    public void Notification_data_is_counted_from_the_first_position_on_that_cannot_be(RingFormat format, int position, bool valid)
    {
        using Bench bench = new(format, options: new() { NotificationData = true });
        bench.Driver.WriteRegister(MmioRegister.QueueNotify, (uint)position << 16);
        Assert.Equal(valid ? 0 : 1, bench.Queue.InvalidNotifications);
        Assert.Equal(1, bench.Queue.Notifications);
        Assert.False(bench.NeedsReset);
    }

    private static int ServeAndCount(Bench bench)
    {
        int before = bench.Gic.Pulses(new Slot(0).Interrupt);
        ushort id = bench.Ring.Post(Raw.Out(Bench.Buffer(0), 4));
        bench.Ring.Kick();
        bench.AssertUsed(id, 4);
        return bench.Gic.Pulses(new Slot(0).Interrupt) - before;
    }
}
