using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

/// <summary>Status written to 0 at every point of a device's life.</summary>
public sealed class ResetTests
{
    public static TheoryData<RingFormat> Formats => RingFormats.All;

    [Fact]
    [Trait("Case", "T32"), Trait("Row", "BASE-09"), Trait("Row", "MMIO-D11")]
    public void A_reset_works_at_every_point_of_initialisation()
    {
        FillDevice device = new(8, 8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        Action[] steps =
        [
            () => { },
            () => driver.AddStatus(DeviceStatus.Acknowledge),
            () => driver.AddStatus(DeviceStatus.Driver),
            () =>
            {
                driver.WriteRegister(MmioRegister.DriverFeaturesSel, 1);
                driver.WriteRegister(MmioRegister.DriverFeatures, 1);
            },
            () => driver.AddStatus(DeviceStatus.FeaturesOk),
            () => driver.SetUpQueue(0),
            () => driver.SetUpQueue(1),
            () => driver.SetDriverOk(),
            () => driver.Queues[0].Submit([[1]], [1]),
            () => driver.WriteRegister(MmioRegister.QueueReset, 1),
            () => driver.AddStatus(DeviceStatus.Failed),
        ];
        for (int last = 0; last < steps.Length; last++)
        {
            for (int i = 0; i <= last; i++) steps[i]();
            driver.Reset();
            Assert.Equal(0u, (uint)driver.Status);
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.InterruptStatus));
            Assert.Equal(0UL, transport.NegotiatedFeatures);
            Assert.Null(transport.Session);
        }

        driver.Start();
        driver.Queues[0].Submit([[1]], [1]);
        Assert.Single(driver.Queues[0].Reap());
    }

    [Fact]
    [Trait("Case", "T32")]
    public void A_reset_forgets_every_register()
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(8));
        driver.Start();
        driver.WriteRegister(MmioRegister.DeviceFeaturesSel, 7);
        driver.WriteRegister(MmioRegister.QueueSel, 7);
        driver.Reset();
        // Selectors are 0 again, and nothing is accepted, no size or address is left.
        Assert.NotEqual(0u, driver.ReadRegister(MmioRegister.DeviceFeatures));
        Assert.Equal(8u, driver.ReadRegister(MmioRegister.QueueNumMax));
        foreach (uint status in new uint[] { 1, 3, 0x0b }) driver.WriteRegister(MmioRegister.Status, status);
        Assert.Equal(3u, (uint)driver.Status);
        Assert.True(driver.Probe());
        driver.WriteRegister(MmioRegister.QueueReady, 1);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
    }

    [Fact]
    [Trait("Case", "T32")]
    public void Ten_thousand_resets_back_to_back_leave_nothing_behind()
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        for (int i = 0; i < 10_000; i++)
        {
            driver.WriteRegister(MmioRegister.Status, 0);
            driver.WriteRegister(MmioRegister.Status, 1);
            driver.WriteRegister(MmioRegister.Status, 3);
            driver.WriteRegister(MmioRegister.DriverFeaturesSel, 1);
            driver.WriteRegister(MmioRegister.DriverFeatures, 1);
            driver.WriteRegister(MmioRegister.Status, 0x0b);
            driver.WriteRegister(MmioRegister.Status, 0x0f);
        }

        Assert.Equal(10_000, device.Runs);
        Assert.Equal(0, transport.BadAccesses);
        driver.Reset();
        Assert.Null(transport.Session);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "T32"), Trait("Row", "BASE-10"), Trait("Row", "BASE-11")]
    public async Task A_reset_with_requests_in_flight_waits_for_them_and_then_nothing_is_touched(RingFormat format)
    {
        HoldingDevice device = new(8, 8);
        using Bench bench = new(format, device: device);
        for (int i = 0; i < 8; i++) bench.Offer(Raw.Out(Bench.Buffer(i), 64));
        bench.Ring.Kick();
        List<(Virtqueue Queue, DescriptorChain Chain)> held = device.TakeHeld();
        Task reset = Vcpu.Start(() => bench.Driver.WriteRegister(MmioRegister.Status, 0));
        for (int i = 7; i >= 0; i--)
        {
            Assert.False(reset.IsCompleted);
            FillDevice.Fill(held[i].Chain);
            held[i].Queue.Return(held[i].Chain);
        }

        await reset.Soon();
        Assert.Equal(0u, (uint)bench.Driver.Status);
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.Remember();
        bench.Ring.Notify();
        bench.AssertRingUntouched();
        Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.InterruptStatus));
        Assert.Equal(pulses, bench.Gic.Pulses(new Slot(0).Interrupt));
        bench.Start();
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "B19"), Trait("Case", "T32"), Trait("Row", "BASE-09")]
    public void A_reset_that_host_io_holds_up_shows_NEEDS_RESET_and_later_0(RingFormat format)
    {
        HoldingDevice device = new(8, 8);
        using Bench bench = new(format, device: device, options: new() { ResetTimeout = TimeSpan.FromMilliseconds(20) });
        GuestDriver driver = bench.Driver;
        bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        driver.WriteRegister(MmioRegister.Status, 0);
        Assert.Equal(DeviceStatus.NeedsReset, driver.Status);
        // Not reset yet: nothing of the next life can begin.
        driver.WriteRegister(MmioRegister.Status, 1);
        Assert.Equal(DeviceStatus.NeedsReset, driver.Status);
        driver.WriteRegister(MmioRegister.Status, 0);
        bench.Ring.Notify();
        Assert.Equal(DeviceStatus.NeedsReset, driver.Status);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.InterruptStatus));
        device.CompleteAll();
        Assert.True(SpinWait.SpinUntil(() => driver.Status == 0, 20_000));
        bench.AssertNothingUsed();
        bench.Start();
        ushort id = bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        device.CompleteAll();
        bench.AssertUsed(id, 64);
    }

    [Fact]
    [Trait("Case", "T32")]
    public void The_first_write_after_a_reset_that_lasted_counts_also_if_the_driver_has_not_looked()
    {
        // Continuations run where the result is set: the device is at rest when that returns.
        HoldingDevice device = new(8) { Hang = new() };
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, new() { ResetTimeout = TimeSpan.FromMilliseconds(20) });
        driver.Start();
        driver.WriteRegister(MmioRegister.Status, 0);
        driver.WriteRegister(MmioRegister.Status, 1);
        Assert.Equal(DeviceStatus.NeedsReset, driver.Status);
        device.Hang.SetResult();
        driver.WriteRegister(MmioRegister.Status, 1);
        Assert.Equal(DeviceStatus.Acknowledge, driver.Status);
    }

    [Fact]
    [Trait("Case", "T32")]
    public void A_device_that_does_not_come_back_holds_its_reset_up_and_not_the_vCPU()
    {
        HoldingDevice device = new(8) { Hang = new(TaskCreationOptions.RunContinuationsAsynchronously) };
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, new() { ResetTimeout = TimeSpan.FromMilliseconds(20) });
        driver.Start();
        driver.Reset();
        Assert.Equal(DeviceStatus.NeedsReset, driver.Status);
        device.Hang.SetResult();
        device.Hang = null;
        Assert.True(SpinWait.SpinUntil(() => driver.Status == 0, 20_000));
        driver.Start();
        Assert.Equal(0x0fu, (uint)driver.Status);
    }

    [Fact]
    public async Task Disposing_ends_the_device_and_waits_for_its_requests()
    {
        HoldingDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        driver.Start()!.Submit([[1]], [1]);
        Task disposal = transport.DisposeAsync().AsTask();
        Assert.False(disposal.IsCompleted);
        device.CompleteAll();
        await disposal.Soon();
        Assert.Empty(driver.Queues[0].Reap());
    }

    [Fact]
    public async Task Disposing_a_device_that_never_started_is_immediate()
    {
        (_, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        await transport.DisposeAsync();
    }

    [Theory, InlineData(DeviceScheduling.Inline), InlineData(DeviceScheduling.Pooled)]
    [Trait("Case", "Z14"), Trait("Case", "T32")]
    public async Task Ten_thousand_resets_survive_a_vCPU_that_kicks(DeviceScheduling scheduling)
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device, new() { Scheduling = scheduling });
        await StormAsync(driver, 10_000, () => { });
        Assert.Equal(10_000, device.Runs);
        Assert.Equal(0, transport.BadAccesses);
        DriverQueue queue = driver.Start()!;
        queue.Submit([[1]], [1]);
        Assert.True(SpinWait.SpinUntil(() => queue.TryReap(out _), 20_000));
    }

    [Theory, InlineData(DeviceScheduling.Inline), InlineData(DeviceScheduling.Pooled)]
    [Trait("Case", "Z14"), Trait("Case", "T32")]
    public async Task Resets_survive_a_vCPU_that_kicks_while_a_backend_completes(DeviceScheduling scheduling)
    {
        HoldingDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device, new() { Scheduling = scheduling });
        await StormAsync(driver, LongRun.Rounds(1000, 10_000), device.CompleteAll);
        Assert.Equal(0, transport.BadAccesses);
        DriverQueue queue = driver.Start()!;
        queue.Submit([[1]], [1]);
        Assert.True(SpinWait.SpinUntil(() => device.HeldCount == 1, 20_000));
        device.CompleteAll();
        Assert.True(SpinWait.SpinUntil(() => queue.TryReap(out _), 20_000));
    }

    [Fact]
    [Trait("Case", "S03")]
    public async Task Many_devices_that_live_and_die_are_forgotten()
    {
        List<WeakReference> devices = [];
        for (int i = 0; i < LongRun.Rounds(2000, 100_000); i++) devices.Add(await LiveAndDieAsync(dispose: i % 2 == 0));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        // A thread, a timer or a registration that was left behind would hold its device. The last one may still be on
        // a stack.
        Assert.InRange(devices.Count(device => device.IsAlive), 0, 1);
    }

    private static async Task<WeakReference> LiveAndDieAsync(bool dispose)
    {
        FillDevice device = new(8);
        Squib.Virtio.Memory.GuestMemory memory = new(new Squib.Virtio.Memory.GuestRegion(Bench.R0, new byte[1 << 14]));
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device, memory: memory);
        DriverQueue queue = driver.Start()!;
        queue.Submit([[1]], [1]);
        Assert.Single(queue.Reap());
        if (dispose) await transport.DisposeAsync();
        else driver.Reset();
        return new(device);
    }

    /// <summary>
    /// Resets and initialises while another thread kicks, acknowledges and lets the backend complete.
    /// </summary>
    private static async Task StormAsync(GuestDriver driver, int rounds, Action complete)
    {
        using CancellationTokenSource end = new();
        Task kicker = Vcpu.Repeat(
            () =>
            {
                driver.WriteRegister(MmioRegister.QueueNotify, 0);
                driver.WriteRegister(MmioRegister.InterruptAck, 3);
                complete();
            },
            end.Token);
        RawRing ring = RawRing.Create(false, driver, 0, 8, Bench.R0 + 0x1000);
        for (int round = 0; round < rounds; round++)
        {
            Assert.True(driver.Probe());
            ring.Clear();
            ring.Enable();
            ring.Post(Raw.Out(Bench.Buffer(0), 64));
            ring.Post(Raw.Out(Bench.Buffer(1), 64));
            ring.Publish();
            driver.SetDriverOk();
            driver.WriteRegister(MmioRegister.Status, 0);
            if (driver.Status != 0) Assert.Fail($"Round {round}: the reset is not over.");
        }

        await end.CancelAsync();
        await kicker;
    }
}
