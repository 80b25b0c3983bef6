using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices;
using Squib.Virtio.Tests.Transport;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Diagnostics;

/// <summary>A guest cannot fill the host's disk with lines of the log, whatever it repeats.</summary>
public sealed class LogFloodTests
{
    private const int Repetitions = 2000;
    private const int LinesAtOnce = 5;

    private readonly RecordingLogger logger = new();
    private readonly ManualTime time = new();

    [Fact]
    public void Refused_features_are_logged_a_few_times() => Flood(101, new RngDevice(), (driver, _) => Assert.False(Ask(driver)));

    [Fact]
    public void Refused_queues_are_logged_a_few_times()
    {
        Flood(102, new RngDevice(), (driver, repetition) =>
        {
            if (repetition == 0) driver.Probe();
            driver.WriteRegister(MmioRegister.QueueSel, 0);
            driver.WriteRegister(MmioRegister.QueueNum, 3);
            driver.WriteRegister(MmioRegister.QueueReady, 1);
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
        });
    }

    [Fact]
    public void Broken_rings_are_logged_a_few_times_even_if_the_driver_resets_the_device()
    {
        Flood(100, new RngDevice(), (driver, _) =>
        {
            driver.Start(VirtioFeature.Version1, queueSize: 4);
            SplitDriverQueue queue = (SplitDriverQueue)driver.Queues[0];
            queue.WriteAvailableIndex(1000);
            queue.Notify();
            Assert.True(driver.Status.HasFlag(DeviceStatus.NeedsReset));
        });
    }

    [Fact]
    public void A_device_that_fails_again_and_again_is_logged_a_few_times()
    {
        Flood(103, new FailingDevice(), (driver, _) =>
        {
            driver.Start();
            Assert.True(driver.Status.HasFlag(DeviceStatus.NeedsReset));
        });
    }

    [Fact]
    public async Task Resets_that_wait_for_the_host_are_logged_a_few_times()
    {
        StubbornDevice device = new();
        (GuestDriver driver, VirtioMmioTransport transport) = Attach(device, TimeSpan.Zero);
        for (int i = 0; i < 100; i++)
        {
            driver.Start();
            driver.WriteRegister(MmioRegister.Status, 0);
            device.Release();
            // The task ends where the device's does.
            Assert.True(SpinWait.SpinUntil(() => driver.Status == DeviceStatus.None, 20_000));
        }

        Assert.Equal(LinesAtOnce, logger.Entries.Count(entry => entry.Id == 104));
        Assert.Equal(95, transport.SuppressedLogs);
        await transport.DisposeAsync();
    }

    [Fact]
    public void After_ten_minutes_there_is_another_line()
    {
        (GuestDriver driver, VirtioMmioTransport transport) = Attach(new RngDevice());
        for (int i = 0; i < 10; i++) Ask(driver);
        Assert.Equal(5, logger.Entries.Count);
        time.Advance(TimeSpan.FromMinutes(10));
        for (int i = 0; i < 10; i++) Ask(driver);
        Assert.Equal(6, logger.Entries.Count);
        Assert.Equal(14, transport.SuppressedLogs);
        Assert.Equal("rng 7: features 0x200000000 refused; offered are 0x", logger.Entries[^1].Text[..51]);
    }

    private static bool Ask(GuestDriver driver)
    {
        driver.Reset();
        driver.AddStatus(DeviceStatus.Acknowledge);
        driver.AddStatus(DeviceStatus.Driver);
        driver.WriteRegister(MmioRegister.DriverFeaturesSel, 1);
        // Bit 33, which is not offered, without VERSION_1.
        driver.WriteRegister(MmioRegister.DriverFeatures, 2);
        driver.AddStatus(DeviceStatus.FeaturesOk);
        return driver.Status.HasFlag(DeviceStatus.FeaturesOk);
    }

    private void Flood(int id, IVirtioDevice device, Action<GuestDriver, int> offend)
    {
        (GuestDriver driver, VirtioMmioTransport transport) = Attach(device);
        for (int i = 0; i < Repetitions; i++) offend(driver, i);
        Assert.Equal(LinesAtOnce, logger.Entries.Count);
        Assert.All(logger.Entries, entry => Assert.Equal(id, entry.Id));
        Assert.Equal(Repetitions - LinesAtOnce, transport.SuppressedLogs);
    }

    private (GuestDriver Driver, VirtioMmioTransport Transport) Attach(IVirtioDevice device, TimeSpan? resetTimeout = null)
    {
        GuestMemory memory = new(new GuestRegion(0x8000_0000, new byte[16 << 20]));
        TransportOptions options = new() { Name = "rng 7", Time = time, ResetTimeout = resetTimeout ?? TimeSpan.FromSeconds(5) };
        VirtioMmioTransport transport = new(device, memory, new IrqLine(new RecordingGic(), new Slot(0).Interrupt), options, logger);
        return (new GuestDriver(transport, memory), transport);
    }

    private sealed class FailingDevice : IVirtioDevice
    {
        public DeviceType Type => DeviceType.Entropy;

        public ulong Features => 0;

        public IReadOnlyList<ushort> QueueSizes => [];

        public ConfigSpace Config { get; } = new();

        public Task RunAsync(DriverSession session, CancellationToken reset) => throw new InvalidOperationException("It fails.");
    }

    /// <summary>A device that does not hear of a reset until the test says so.</summary>
    private sealed class StubbornDevice : IVirtioDevice
    {
        private TaskCompletionSource released = new();

        public DeviceType Type => DeviceType.Entropy;

        public ulong Features => 0;

        public IReadOnlyList<ushort> QueueSizes => [];

        public ConfigSpace Config { get; } = new();

        public Task RunAsync(DriverSession session, CancellationToken reset) => released.Task;

        internal void Release() => Interlocked.Exchange(ref released, new()).SetResult();
    }
}
