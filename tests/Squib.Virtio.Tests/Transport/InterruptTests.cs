using Squib.Virtio.Interrupts;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

/// <summary>InterruptStatus, InterruptACK and the line behind them, by edge and by level.</summary>
public sealed class InterruptTests
{
    private static IntId Line => new Slot(0).Interrupt;

    [Fact]
    [Trait("Row", "MMIO-03"), Trait("Row", "MMIO-04"), Trait("Row", "MMIO-D09")]
    public void A_used_buffer_sets_bit_0_and_a_changed_configuration_bit_1_until_acknowledged()
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, RecordingGic gic) = GuestDriver.Attach(device, new() { EventIndex = false });
        DriverQueue queue = driver.Start()!;
        queue.Submit([[1]], [1]);
        AssertPending(driver, 1);
        AssertPending(driver, 1);
        driver.WriteRegister(MmioRegister.InterruptAck, 2);
        AssertPending(driver, 1);
        driver.WriteRegister(MmioRegister.InterruptAck, 1);
        AssertPending(driver, 0);
        device.Config.Update(0, [9]);
        AssertPending(driver, 2);
        queue.Submit([[1]], [1]);
        AssertPending(driver, 3);
        driver.WriteRegister(MmioRegister.InterruptAck, 1);
        AssertPending(driver, 2);
        driver.WriteRegister(MmioRegister.InterruptAck, 2);
        AssertPending(driver, 0);
        Assert.Equal(3, gic.Pulses(Line));
        Assert.Equal(3, transport.Interrupts);
        Assert.False(gic.IsAsserted(Line));
    }

    [Fact]
    [Trait("Row", "MMIO-D10"), Trait("Case", "T27")]
    public void The_level_is_high_as_long_as_a_bit_is_pending()
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, RecordingGic gic) =
            GuestDriver.Attach(device, new() { EventIndex = false }, trigger: IrqTrigger.Level);
        DriverQueue queue = driver.Start()!;
        Assert.False(gic.IsAsserted(Line));
        queue.Submit([[1]], [1]);
        Assert.True(gic.IsAsserted(Line));
        device.Config.Update(0, [9]);
        driver.WriteRegister(MmioRegister.InterruptAck, 1);
        Assert.True(gic.IsAsserted(Line));
        driver.WriteRegister(MmioRegister.InterruptAck, 0);
        driver.WriteRegister(MmioRegister.InterruptAck, 0xffff_fffc);
        Assert.True(gic.IsAsserted(Line));
        driver.WriteRegister(MmioRegister.InterruptAck, 0xffff_ffff);
        Assert.False(gic.IsAsserted(Line));
        AssertPending(driver, 0);
        Assert.Equal(0, gic.Pulses(Line));
        Assert.Equal(2, transport.Interrupts);
    }

    [Theory, InlineData(0xffff_ffffu), InlineData(1u), InlineData(0u)]
    [Trait("Case", "T27")]
    public void An_acknowledgement_of_nothing_does_nothing(uint value)
    {
        FillDevice device = new(8);
        (GuestDriver driver, _, RecordingGic gic) = GuestDriver.Attach(device, trigger: IrqTrigger.Level);
        driver.WriteRegister(MmioRegister.InterruptAck, value);
        AssertPending(driver, 0);
        driver.Start();
        driver.WriteRegister(MmioRegister.InterruptAck, value);
        AssertPending(driver, 0);
        Assert.False(gic.IsAsserted(Line));
    }

    [Theory, InlineData(IrqTrigger.Edge), InlineData(IrqTrigger.Level)]
    [Trait("Row", "MMIO-05"), Trait("Row", "BASE-10")]
    public void A_reset_clears_what_is_pending_and_lowers_the_line(IrqTrigger trigger)
    {
        FillDevice device = new(8);
        (GuestDriver driver, _, RecordingGic gic) = GuestDriver.Attach(device, new() { EventIndex = false }, trigger: trigger);
        driver.Start()!.Submit([[1]], [1]);
        device.Config.Update(0, [9]);
        AssertPending(driver, 3);
        driver.Reset();
        AssertPending(driver, 0);
        Assert.False(gic.IsAsserted(Line));
        int pulses = gic.Pulses(Line);
        device.Config.Update(0, [10]);
        AssertPending(driver, 0);
        Assert.Equal(pulses, gic.Pulses(Line));
    }

    [Theory, InlineData(IrqTrigger.Edge), InlineData(IrqTrigger.Level)]
    [Trait("Row", "BASE-10")]
    public async Task No_configuration_interrupt_comes_after_a_reset_that_races_with_it(IrqTrigger trigger)
    {
        FillDevice device = new(8);
        (GuestDriver driver, _, RecordingGic gic) = GuestDriver.Attach(device, trigger: trigger);
        using CancellationTokenSource end = new();
        Task changer = Vcpu.Start(() =>
        {
            while (!end.IsCancellationRequested) device.Config.Update(0, [9]);
        });
        for (int i = 0; i < LongRun.Rounds(2000, 50_000); i++)
        {
            Assert.True(driver.Probe());
            driver.SetDriverOk();
            driver.WriteRegister(MmioRegister.Status, 0);
            AssertPending(driver, 0);
            Assert.False(gic.IsAsserted(Line));
        }

        await end.CancelAsync();
        await changer;
    }

    [Theory]
    [InlineData(IrqTrigger.Edge, DeviceScheduling.Pooled), InlineData(IrqTrigger.Level, DeviceScheduling.Pooled)]
    [InlineData(IrqTrigger.Edge, DeviceScheduling.Inline), InlineData(IrqTrigger.Level, DeviceScheduling.Inline)]
    public void No_interrupt_is_lost_between_the_read_and_the_acknowledgement(IrqTrigger trigger, DeviceScheduling scheduling)
    {
        // The handler of the driver, on the interrupted CPU: runs when the line says so, reads, acknowledges, then
        // looks at the ring.
        using SignallingGic gic = new(trigger);
        Squib.Virtio.Memory.GuestMemory memory = new(new Squib.Virtio.Memory.GuestRegion(Bench.R0, new byte[1 << 20]));
        VirtioMmioTransport transport = new(
            new FillDevice(8), memory, new IrqLine(gic, Line, trigger), new() { Scheduling = scheduling });
        GuestDriver driver = new(transport, memory);
        DriverQueue queue = driver.Start()!;
        int reaped = 0;
        int submitted = 0;
        while (reaped < LongRun.Rounds(2000, 200_000))
        {
            while (queue.InFlight < 4)
            {
                queue.Submit([[1]], [1]);
                submitted++;
            }

            Assert.True(gic.Wait(), $"No interrupt although {queue.InFlight} of {submitted} buffers are not reaped.");
            driver.HandleInterrupt();
            queue.RequestInterrupt();
            List<UsedBuffer> used = queue.Reap();
            reaped += used.Count;
        }

        driver.Reset();
    }

    private static void AssertPending(GuestDriver driver, uint expected) =>
        Assert.Equal(expected, driver.ReadRegister(MmioRegister.InterruptStatus));

    /// <summary>An interrupt controller that one waiter sleeps on.</summary>
    private sealed class SignallingGic(IrqTrigger trigger) : IGic, IDisposable
    {
        private readonly Lock gate = new();
        private readonly ManualResetEventSlim pending = new();

        public void Dispose() => pending.Dispose();

        public void PulseSpi(IntId id) => pending.Set();

        public void SetSpiLevel(IntId id, bool asserted)
        {
            lock (gate)
            {
                if (asserted) pending.Set();
                else pending.Reset();
            }
        }

        public bool Wait()
        {
            if (!pending.Wait(TimeSpan.FromSeconds(20))) return false;
            if (trigger == IrqTrigger.Edge) pending.Reset();
            return true;
        }
    }
}
