using System.Diagnostics;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.BootTimer;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices.Mem;
using Squib.Virtio.Tests.Devices.Net;
using Squib.Virtio.Tests.Devices.Pmem;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices;

/// <summary>A thousand guests with nine devices each, all of them started and idle, in one process.</summary>
[Collection(nameof(MeasuredAlone))]
public sealed class DensityTests
{
    private const int Guests = 1000;
    private const long MostBytesOfDevice = 32 << 10;

    // The devices of a process share the thread pool, which has threads by the number of CPUs and not of devices.
    private const int MostThreads = 32;

    private const ulong RamStart = 0x8000_0000;
    private const ulong RegionStart = 0x1_0000_0000;
    private const long RegionBytes = 1 << 30;

    // Idle rings are all zeros, so one memory does for all guests.
    private static readonly GuestMemory Ram = new(new GuestRegion(RamStart, new byte[4 << 20]));

    private static readonly (string Name, Func<IVirtioDevice> Create)[] Kinds =
    [
        ("block", () => new BlockDevice(new MemoryBlockBackend(new byte[512]))),
        ("net", () => new NetDevice(new SpyNetBackend())),
        ("vsock", () => new VsockDevice()),
        ("balloon", () => new BalloonDevice([])),
        ("rng", () => new RngDevice()),
        ("console", () => new ConsoleDevice(Stream.Null)),
        ("pmem", () => new PmemDevice(new SpyPmemBackend(), new() { Address = RegionStart, Length = RegionBytes })),
        ("mem", () => new MemDevice(new SpyMemBackend(2 << 20), new() { Address = RegionStart, RegionBytes = RegionBytes })),
        ("boot-timer", () => new BootTimerDevice()),
    ];

    [Fact]
    public async Task Nine_thousand_idle_devices_take_little_memory_and_no_threads()
    {
        List<VirtioMmioTransport> transports = new(Guests * Kinds.Length);
        // What is made once, and by code that runs for the first time, is not counted.
        foreach ((_, Func<IVirtioDevice> create) in Kinds) transports.Add(Activate(create()));
        int threads = CountThreads();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long counted = before;
        Stopwatch clock = new();
        foreach ((string name, Func<IVirtioDevice> create) in Kinds)
        {
            clock.Start();
            for (int i = 0; i < Guests; i++) transports.Add(Activate(create()));
            clock.Stop();
            long now = GC.GetTotalMemory(forceFullCollection: true);
            TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {(now - counted) / Guests} bytes");
            counted = now;
        }

        long each = (counted - before) / (Guests * Kinds.Length);
        int more = CountThreads() - threads;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"on average {each} bytes; {more} more threads; all made and started in {clock.ElapsedMilliseconds} ms");
        Assert.InRange(each, 1, MostBytesOfDevice);
        Assert.InRange(more, int.MinValue, MostThreads);
        foreach (VirtioMmioTransport transport in transports) await transport.DisposeAsync();
    }

    private static VirtioMmioTransport Activate(IVirtioDevice device)
    {
        VirtioMmioTransport transport = new(device, Ram, new IrqLine(NoGic.Instance, new Slot(0).Interrupt));
        GuestDriver driver = new(transport, Ram);
        driver.Start();
        Assert.Equal(DeviceStatus.DriverOk, driver.Status & (DeviceStatus.DriverOk | DeviceStatus.NeedsReset));
        return transport;
    }

    private static int CountThreads()
    {
        using Process self = Process.GetCurrentProcess();
        return self.Threads.Count;
    }

    private sealed class NoGic : IGic
    {
        internal static readonly NoGic Instance = new();

        public void SetSpiLevel(IntId interrupt, bool high)
        {
        }

        public void PulseSpi(IntId interrupt)
        {
        }
    }
}
