using Microsoft.Extensions.Logging;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

/// <summary>The life of a device between DRIVER_OK and reset, above all how it can go wrong.</summary>
public sealed class SessionTests
{
    public static TheoryData<DeviceScheduling> Schedulings => [DeviceScheduling.Inline, DeviceScheduling.Pooled];

    [Theory, InlineData(0x01u), InlineData(0x03u), InlineData(0x0bu)]
    [Trait("Case", "T26"), Trait("Row", "BASE-01"), Trait("Row", "BASE-02")]
    public void A_kick_before_DRIVER_OK_reads_nothing_and_is_not_lost(uint status)
    {
        using Bench bench = new(RingFormat.Split);
        GuestDriver driver = bench.Driver;
        Assert.True(driver.Probe());
        bench.Ring.Clear();
        bench.Ring.Enable();
        ushort id = bench.Ring.Post(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Publish();
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        if (status == 0x0b)
        {
            bench.Remember();
            for (int i = 0; i < 10; i++) bench.Ring.Notify();
            bench.AssertRingUntouched();
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.InterruptStatus));
            Assert.Equal(pulses, bench.Gic.Pulses(new Slot(0).Interrupt));
        }
        else
        {
            driver.Reset();
            driver.WriteRegister(MmioRegister.Status, 1);
            if (status == 3) driver.WriteRegister(MmioRegister.Status, 3);
            bench.Remember();
            for (int i = 0; i < 10; i++) bench.Ring.Notify();
            bench.AssertRingUntouched();
            Assert.True(driver.Probe());
            bench.Ring.Enable();
        }

        driver.SetDriverOk();
        bench.AssertUsed(id, 64);
        bench.AssertOneSlot(1);
    }

    [Theory, MemberData(nameof(Schedulings))]
    public void A_device_starts_on_the_vCPU_or_in_the_pool_as_its_host_chose(DeviceScheduling scheduling)
    {
        using ManualResetEventSlim started = new();
        int thread = 0;
        TestDevice device = new(
            async session =>
            {
                thread = Environment.CurrentManagedThreadId;
                started.Set();
                while (await session.Queues[0].WaitAsync().ConfigureAwait(false))
                {
                }
            },
            8);
        (GuestDriver driver, _, _) = Attach(device, scheduling);
        driver.Start();
        Assert.True(started.Wait(20_000, TestContext.Current.CancellationToken));
        Assert.Equal(scheduling == DeviceScheduling.Inline, thread == Environment.CurrentManagedThreadId);
        driver.Reset();
    }

    [Theory, MemberData(nameof(Schedulings))]
    [Trait("Row", "BASE-03"), Trait("Row", "BASE-04")]
    public void A_device_that_throws_needs_a_reset(DeviceScheduling scheduling)
    {
        bool fail = true;
        LoopDevice device = new(
            (ref batch, chain) =>
            {
                batch.Return(chain);
                if (fail) throw new InvalidOperationException("The device is out of order.");
            },
            8, 8);
        RecordingLogger logger = new();
        (GuestDriver driver, VirtioMmioTransport transport, RecordingGic gic) = Attach(device, scheduling, logger);
        DriverQueue queue = driver.Start()!;
        queue.Submit([[1]], [1]);
        AwaitNeedsReset(driver);
        Assert.Equal(2u, driver.ReadRegister(MmioRegister.InterruptStatus) & 2);
        Assert.True(gic.Pulses(new Slot(0).Interrupt) > 0);
        Assert.Equal(103, Assert.Single(logger.Entries).Id);
        // The sister loops have been told to end too: nothing is served any more.
        driver.Queues[1].Submit([[1]], [1]);
        Assert.Empty(driver.Queues[1].Reap());
        fail = false;
        driver.Reset();
        Assert.Equal(0u, (uint)driver.Status);
        driver.Start()!.Submit([[1]], [1]);
        Assert.True(SpinWait.SpinUntil(() => driver.Queues[0].TryReap(out _), 20_000));
        Assert.NotNull(transport.Session);
    }

    [Theory, MemberData(nameof(Schedulings))]
    public void A_second_loop_that_fails_after_a_first_one_has_ended_well_is_noticed(DeviceScheduling scheduling)
    {
        TaskCompletionSource second = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TestDevice device = new(
            session => session.RunAllAsync(Task.CompletedTask, second.Task, DrainAsync(session.Queues[0])), 8);
        (GuestDriver driver, _, _) = Attach(device, scheduling);
        driver.Start();
        Assert.Equal(0x0fu, (uint)driver.Status);
        second.SetException(new IOException("gone"));
        AwaitNeedsReset(driver);
        driver.Reset();
        Assert.Equal(0u, (uint)driver.Status);
    }

    [Theory, MemberData(nameof(Schedulings))]
    public void A_device_that_ends_early_needs_a_reset(DeviceScheduling scheduling)
    {
        TestDevice device = new(_ => Task.CompletedTask, 8);
        RecordingLogger logger = new();
        (GuestDriver driver, _, _) = Attach(device, scheduling, logger);
        driver.Start();
        AwaitNeedsReset(driver);
        Assert.Equal(103, Assert.Single(logger.Entries).Id);
        driver.Queues[0].Submit([[1]], [1]);
        Assert.Empty(driver.Queues[0].Reap());
        driver.Reset();
        Assert.Equal(0u, (uint)driver.Status);
    }

    [Theory, MemberData(nameof(Schedulings))]
    [Trait("Row", "BASE-03"), Trait("Row", "BASE-04"), Trait("Row", "MMIO-D09")]
    public void A_device_that_fails_at_activation_needs_a_reset(DeviceScheduling scheduling)
    {
        TestDevice device = new(_ => throw new InvalidOperationException("No backend."), 8);
        (GuestDriver driver, _, _) = Attach(device, scheduling);
        driver.Start();
        AwaitNeedsReset(driver);
        Assert.Equal(0x4fu, (uint)driver.Status);
        Assert.Equal(2u, driver.ReadRegister(MmioRegister.InterruptStatus));
        // A driver that adds bits writes NEEDS_RESET back; that is no error.
        driver.WriteRegister(MmioRegister.Status, 0x4f);
        Assert.Equal(0x4fu, (uint)driver.Status);
        driver.WriteRegister(MmioRegister.Status, 0xcf);
        Assert.Equal(0xcfu, (uint)driver.Status);
        driver.Reset();
        Assert.Equal(0u, (uint)driver.Status);
    }

    [Theory, MemberData(nameof(Schedulings))]
    public void An_exception_by_which_a_loop_ends_after_a_reset_is_no_failure(DeviceScheduling scheduling)
    {
        using ManualResetEventSlim started = new();
        TestDevice device = new(
            (session, reset) => session.RunAllAsync(WaitAsync(reset), DrainAsync(session.Queues[0])), 8);
        async Task WaitAsync(CancellationToken reset)
        {
            started.Set();
            TaskCompletionSource never = new();
            await never.Task.WaitAsync(reset).ConfigureAwait(false);
        }

        RecordingLogger logger = new();
        (GuestDriver driver, _, RecordingGic gic) = Attach(device, scheduling, logger);
        driver.Start();
        Assert.True(started.Wait(20_000, TestContext.Current.CancellationToken));
        driver.Reset();
        Assert.Equal(0u, (uint)driver.Status);
        Assert.Empty(logger.Entries);
        Assert.Equal(0, gic.Pulses(new Slot(0).Interrupt));
    }

    [Fact]
    public void A_device_that_fails_while_its_backend_has_chains_is_reset_when_they_are_back()
    {
        Virtqueue? queue = null;
        DescriptorChain? kept = null;
        LoopDevice device = new(
            (ref _, chain) =>
            {
                kept = chain;
                throw new InvalidOperationException("The device is out of order.");
            },
            8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(
            device, new() { ResetTimeout = TimeSpan.FromMilliseconds(20) });
        driver.Start()!.Submit([[1]], [1]);
        queue = transport.Session!.Queues[0];
        Assert.True((driver.Status & DeviceStatus.NeedsReset) != 0);
        driver.Reset();
        Assert.Equal(DeviceStatus.NeedsReset, driver.Status);
        queue.Return(kept!);
        Assert.True(SpinWait.SpinUntil(() => driver.Status == 0, 20_000));
    }

    [Fact]
    [Trait("Case", "S02"), Trait("Case", "Q28")]
    public void Malformed_chains_are_counted_and_not_logged()
    {
        RecordingLogger logger = new();
        (GuestDriver driver, VirtioMmioTransport transport, _) = Attach(new FillDevice(8), DeviceScheduling.Inline, logger);
        Assert.True(driver.Probe());
        RawRing ring = RawRing.Create(false, driver, 0, 8, Bench.R0 + 0x1000);
        ring.Enable();
        driver.SetDriverOk();
        const int Chains = 100_000;
        for (int i = 0; i < Chains / 8; i++)
        {
            for (int j = 0; j < 8; j++) ring.Post(Raw.Out(0xdead_0000, 64));
            ring.Kick();
            for (int j = 0; j < 8; j++) Assert.True(ring.TryTakeUsed(out _, out uint length) && length == 0);
        }

        Assert.Equal(Chains, transport.Session!.Queues[0].Dropped(ChainFault.OutsideMemory));
        Assert.Empty(logger.Entries);
    }

    [Fact]
    [Trait("Case", "S02")]
    public void A_broken_ring_is_logged_once_with_the_reason()
    {
        RecordingLogger logger = new();
        (GuestDriver driver, _, _) = Attach(new FillDevice(8), DeviceScheduling.Inline, logger);
        SplitDriverQueue queue = (SplitDriverQueue)driver.Start()!;
        queue.WriteAvailableIndex(100);
        for (int i = 0; i < 1000; i++) queue.Notify();
        (int id, string text) = Assert.Single(logger.Entries);
        Assert.Equal(100, id);
        Assert.Contains("IndexRanAhead", text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "S06")]
    public async Task A_driver_that_refills_as_fast_as_the_device_serves_does_not_keep_its_thread()
    {
        // Two vCPUs: one kicks once and must come back; the other refills all the time, with good and with bad chains.
        foreach (ulong address in new[] { Bench.Buffer(0), 0xdead_0000ul })
        {
            (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(256));
            Assert.True(driver.Probe());
            RawRing ring = RawRing.Create(false, driver, 0, 256, Bench.R0 + 0x1000);
            ring.Enable();
            driver.SetDriverOk();
            for (int i = 0; i < 256; i++) ring.Post(Raw.Out(address, 4));
            ring.Publish();
            RawSplitRing split = (RawSplitRing)ring;
            using CancellationTokenSource end = new();
            Task refill = Vcpu.Repeat(
                () =>
                {
                    while (split.TryTakeUsed(out _, out _)) split.Offer((ushort)(split.AvailableIndex % 256));
                    split.Publish();
                },
                end.Token);
            for (int i = 0; i < 5; i++)
            {
                Task kick = Vcpu.Start(() => driver.WriteRegister(MmioRegister.QueueNotify, 0));
                await kick.Soon();
            }

            await end.CancelAsync();
            await refill;
            driver.Reset();
            Assert.Null(transport.Session);
        }
    }

    [Fact]
    public void The_session_tells_what_was_negotiated()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8, 16));
        driver.Start();
        DriverSession session = transport.Session!;
        Assert.Same(driver.Memory, session.Memory);
        Assert.Equal(driver.Features, session.Features);
        Assert.Equal([0, 1], session.Queues.Select(queue => queue.Index));
        Assert.Equal([8, 16], session.Queues.Select(queue => queue.Size));
    }

    [Fact]
    public void The_counts_of_all_queues_add_up()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8, 8));
        driver.Start();
        driver.Queues[0].Submit([[1]], [1]);
        driver.Queues[0].Submit([[1]], [1]);
        driver.Queues[1].Submit([[1]], [1]);
        Assert.Equal(3, transport.ChainsTaken);
        Assert.Equal(driver.Queues.Sum(queue => queue.Kicks), transport.Notifications);
        Assert.Equal([1L, 1L], transport.Session!.Queues.Select(queue => queue.Interrupts));
        Assert.Equal(2, transport.Interrupts);
        driver.Reset();
        Assert.Equal(3, transport.ChainsTaken);
    }

    private static async Task DrainAsync(Virtqueue queue)
    {
        while (await queue.WaitAsync().ConfigureAwait(false))
        {
        }
    }

    private static (GuestDriver Driver, VirtioMmioTransport Transport, RecordingGic Gic) Attach(
        IVirtioDevice device, DeviceScheduling scheduling, ILogger? logger = null)
    {
        GuestMemory memory = new(new GuestRegion(Bench.R0, new byte[4 << 20]));
        RecordingGic gic = new();
        VirtioMmioTransport transport = new(
            device, memory, new IrqLine(gic, new Slot(0).Interrupt), new() { Scheduling = scheduling }, logger);
        return (new GuestDriver(transport, memory), transport, gic);
    }

    private static void AwaitNeedsReset(GuestDriver driver) =>
        Assert.True(SpinWait.SpinUntil(() => (driver.Status & DeviceStatus.NeedsReset) != 0, 20_000), "The device does not ask for a reset.");
}
