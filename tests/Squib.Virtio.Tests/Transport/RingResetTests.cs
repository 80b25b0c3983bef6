using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

/// <summary>
/// One queue stopped and started again while the device lives: QueueReset, and QueueReady written to 0.
/// </summary>
public sealed class RingResetTests
{
    public static TheoryData<RingFormat, bool> Ways => new()
    {
        { RingFormat.Split, false }, { RingFormat.Split, true }, { RingFormat.Packed, false }, { RingFormat.Packed, true },
    };

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "T24"), Trait("Case", "T33"), Trait("Row", "MMIO-11"), Trait("Row", "MMIO-12"), Trait("Row", "MMIO-13")]
    [Trait("Row", "MMIO-14"), Trait("Row", "MMIO-D15"), Trait("Row", "BASE-13"), Trait("Row", "BASE-14")]
    public void A_queue_with_requests_in_flight_stops_only_when_they_are_back(RingFormat format, bool byQueueReset)
    {
        HoldingDevice device = new(8, 8);
        using Bench bench = new(format, device: device);
        for (int i = 0; i < 8; i++) bench.Offer(Raw.Out(Bench.Buffer(i), 64));
        bench.Ring.Kick();
        Assert.Equal(8, device.HeldCount);
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        Stop(bench, byQueueReset);
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
            Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
            bench.Ring.Notify();
            device.Complete(device.HeldCount - 1);
        }

        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
        // Nobody reads the answers any more, so none are given; and nothing touches the ring from here on.
        bench.AssertNothingUsed();
        Assert.Equal(pulses, bench.Gic.Pulses(new Slot(0).Interrupt));
        bench.Ring.Clear();
        bench.Ring.Post(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Publish();
        bench.Remember();
        for (int i = 0; i < 10; i++) bench.Ring.Notify();
        bench.AssertUntouched();
        Assert.Equal(0, device.HeldCount);
        Assert.False(bench.NeedsReset);
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "T33"), Trait("Row", "MMIO-12")]
    public void A_queue_stops_with_its_last_chain_although_its_owner_waits_for_something_else(RingFormat format, bool byQueueReset)
    {
        BusyDevice device = new();
        using Bench bench = new(format, device: device);
        bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        Stop(bench, byQueueReset);
        Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        bench.Queue.Return(device.Taken!);
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
        device.Done.SetResult();
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "T33"), Trait("Row", "MMIO-12")]
    public void A_queue_whose_chains_are_back_stops_at_once_although_its_owner_waits_for_something_else(
        RingFormat format, bool byQueueReset)
    {
        BusyDevice device = new();
        using Bench bench = new(format, device: device);
        bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        bench.Queue.Return(device.Taken!);
        Stop(bench, byQueueReset);
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
        device.Done.SetResult();
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "T33"), Trait("Row", "MMIO-12")]
    public void A_queue_that_is_stopped_while_its_device_serves_stops_when_that_is_over(RingFormat format, bool byQueueReset)
    {
        using Bench bench = new(format);
        uint ready = 0;
        bench.Fill.Serve = _ =>
        {
            Stop(bench, byQueueReset);
            ready = bench.Driver.ReadRegister(MmioRegister.QueueReady);
        };
        bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        Assert.Equal(1u, ready);
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
        Assert.False(bench.NeedsReset);
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "T26"), Trait("Case", "T33")]
    public void A_kick_before_a_queue_starts_again_is_not_lost(RingFormat format, bool byQueueReset)
    {
        using Bench bench = new(format);
        Stop(bench, byQueueReset);
        bench.Ring.Clear();
        ushort id = bench.Ring.Post(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Publish();
        bench.Ring.Notify();
        bench.AssertNothingUsed();
        bench.Ring.Enable();
        bench.AssertUsed(id, 64);
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "T33"), Trait("Row", "BASE-15"), Trait("Row", "BASE-16"), Trait("Row", "MMIO-10")]
    public void A_stopped_queue_starts_again_with_another_size_and_place(RingFormat format, bool byQueueReset)
    {
        using Bench bench = new(format, size: 64);
        Stop(bench, byQueueReset);
        foreach ((int size, ulong at) in new[]
            { (16, Bench.R0 + 0x80_0000), (64, Bench.R1 + 0x10_0000), (1, Bench.R0 + 0x80_0000), (32, Bench.R0 + 0x1000) })
        {
            RawRing ring = RawRing.Create(format.IsPacked(), bench.Driver, 0, size, at);
            ring.Clear();
            ring.Enable();
            Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
            Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
            Assert.Equal(size, bench.Queue.Size);
            for (int i = 0; i < 100; i++)
            {
                ushort id = ring.Post(Raw.Out(Bench.Buffer(0), 4));
                ring.Kick();
                Assert.True(ring.TryTakeUsed(out ushort usedId, out uint length));
                Assert.Equal((id, 4u), (usedId, length));
            }

            bench.AssertOthersServe();
            Stop(bench, byQueueReset);
            Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        }
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Row", "BASE-15")]
    public void A_queue_reset_forgets_size_and_addresses_and_QueueReady_keeps_them(RingFormat format, bool byQueueReset)
    {
        using Bench bench = new(format);
        bench.AssertOneSlot(1);
        Stop(bench, byQueueReset);
        bench.Ring.Clear();
        bench.Driver.WriteRegister(MmioRegister.QueueReady, 1);
        Assert.Equal(byQueueReset ? 0u : 1, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        bench.Ring.Enable();
        Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        bench.AssertOneSlot(2);
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "T33"), Trait("Row", "MMIO-11")]
    public void The_other_queue_of_the_device_goes_on(RingFormat format, bool byQueueReset)
    {
        HoldingDevice device = new(8, 8);
        using Bench bench = new(format, device: device);
        bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        RawRing second = bench.Second;
        ushort id = second.Post(Raw.Out(Bench.Buffer(1), 32));
        second.Kick();
        Assert.Equal(2, device.HeldCount);
        Stop(bench, byQueueReset);
        device.Complete(1);
        Assert.True(second.TryTakeUsed(out ushort usedId, out uint length));
        Assert.Equal((id, 32u), (usedId, length));
        bench.Driver.WriteRegister(MmioRegister.QueueSel, 1);
        Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
        device.Complete(0);
        bench.Driver.WriteRegister(MmioRegister.QueueSel, 0);
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
    }

    [Fact]
    [Trait("Case", "T33"), Trait("Row", "MMIO-09")]
    public void QueueReset_without_the_feature_is_ignored()
    {
        using Bench bench = new(RingFormat.Split, options: new() { RingReset = false });
        long bad = bench.Transport.BadAccesses;
        bench.Driver.WriteRegister(MmioRegister.QueueSel, 0);
        foreach (uint value in new uint[] { 1, 0, 2, 0xffff_ffff }) bench.Driver.WriteRegister(MmioRegister.QueueReset, value);
        Assert.Equal(bad + 4, bench.Transport.BadAccesses);
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
        Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        bench.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "T33")]
    public void Only_1_resets_a_queue()
    {
        using Bench bench = new(RingFormat.Split);
        bench.Driver.WriteRegister(MmioRegister.QueueSel, 0);
        foreach (uint value in new uint[] { 0, 2, 3, 0xffff_ffff }) bench.Driver.WriteRegister(MmioRegister.QueueReset, value);
        Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        bench.AssertHealthy();
    }

    [Fact]
    [Trait("Row", "MMIO-11")]
    public void A_queue_can_be_reset_before_the_driver_is_ready()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        Assert.True(driver.Probe());
        driver.SetUpQueue(0);
        driver.WriteRegister(MmioRegister.QueueReset, 1);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReset));
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
        Assert.Equal(0, transport.BadAccesses);
        driver.SetUpQueue(0, 4);
        driver.SetDriverOk();
        driver.Queues[0].Submit([[1]], [1]);
        Assert.Single(driver.Queues[0].Reap());
    }

    [Fact]
    [Trait("Row", "MMIO-06"), Trait("Row", "MMIO-09")]
    public void A_device_reset_disables_every_queue()
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(8, 8, 8));
        driver.Start();
        driver.Reset();
        for (uint i = 0; i < 3; i++)
        {
            driver.WriteRegister(MmioRegister.QueueSel, i);
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReset));
        }
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "Z14")]
    public async Task A_queue_stops_and_starts_again_and_again_while_another_vCPU_kicks(RingFormat format, bool byQueueReset)
    {
        FillDevice device = new(8, 8);
        using Bench bench = new(format, device: device, options: new() { Scheduling = DeviceScheduling.Pooled });
        using CancellationTokenSource end = new();
        Task kicker = Vcpu.Repeat(bench.Ring.Notify, end.Token);
        for (int round = 0; round < LongRun.Rounds(150, 10_000); round++)
        {
            bench.Ring.Clear();
            bench.Ring.Enable();
            Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
            long served = device.Requests;
            // Even rounds wait for the answers, odd ones stop in the middle.
            for (int i = 0; i < 4; i++) bench.Ring.Post(Raw.Out(Bench.Buffer(i), 64));
            bench.Ring.Publish();
            if (round % 2 == 0) Assert.True(SpinWait.SpinUntil(() => device.Requests == served + 4, 20_000), $"Round {round} hangs.");
            Stop(bench, byQueueReset);
            Assert.True(
                SpinWait.SpinUntil(() => bench.Driver.ReadRegister(MmioRegister.QueueReady) == 0, 20_000), $"Round {round} does not stop.");
            if (round % 25 > 1) continue;
            bench.Remember();
            bench.Ring.Notify();
            bench.AssertRingUntouched();
        }

        await end.CancelAsync();
        await kicker;
        Assert.False(bench.NeedsReset);
    }

    [Theory, MemberData(nameof(Ways))]
    [Trait("Case", "Z14")]
    public async Task A_queue_restarts_while_threads_return_its_chains(RingFormat format, bool byQueueReset)
    {
        HoldingDevice device = new(8, 8);
        using Bench bench = new(format, device: device);
        using CancellationTokenSource end = new();
        Task[] completers = [Vcpu.Repeat(device.CompleteAll, end.Token), Vcpu.Repeat(device.CompleteAll, end.Token)];
        for (int round = 0; round < LongRun.Rounds(1000, 50_000); round++)
        {
            for (int i = 0; i < 4; i++) bench.Ring.Post(Raw.Out(Bench.Buffer(i), 64));
            bench.Ring.Kick();
            Stop(bench, byQueueReset);
            Assert.True(
                SpinWait.SpinUntil(() => bench.Driver.ReadRegister(MmioRegister.QueueReady) == 0, 20_000), $"Round {round} does not stop.");
            bench.Ring.Clear();
            bench.Ring.Enable();
            ushort id = bench.Ring.Post(Raw.Out(Bench.Buffer(9), 4));
            bench.Ring.Kick();
            ushort usedId = 0;
            Assert.True(SpinWait.SpinUntil(() => bench.Ring.TryTakeUsed(out usedId, out _), 20_000), $"Round {round} hangs.");
            Assert.Equal(id, usedId);
        }

        await end.CancelAsync();
        await Task.WhenAll(completers);
    }

    private static void Stop(Bench bench, bool byQueueReset)
    {
        bench.Driver.WriteRegister(MmioRegister.QueueSel, 0);
        bench.Driver.WriteRegister(byQueueReset ? MmioRegister.QueueReset : MmioRegister.QueueReady, byQueueReset ? 1u : 0);
    }

    /// <summary>A device that takes one chain and then waits for something else than its queue.</summary>
    private sealed class BusyDevice : IVirtioDevice
    {
        public DeviceType Type => DeviceType.Entropy;

        public ulong Features => 0;

        public IReadOnlyList<ushort> QueueSizes => [8];

        public ConfigSpace Config { get; } = new(new byte[8]);

        public DescriptorChain? Taken { get; private set; }

        public TaskCompletionSource Done { get; } = new();

        public async Task RunAsync(DriverSession session, CancellationToken reset)
        {
            while (await session.Queues[0].WaitAsync().ConfigureAwait(false))
            {
                using (QueueBatch batch = session.Queues[0].BeginBatch())
                {
                    if (batch.TryTake(out DescriptorChain? chain)) Taken = chain;
                }

                if (Taken is not null) await Done.Task.ConfigureAwait(false);
            }
        }
    }
}
