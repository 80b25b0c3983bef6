using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.BootTimer;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices;
using Squib.Virtio.Tests.Devices.Block;
using Squib.Virtio.Tests.Devices.Mem;
using Squib.Virtio.Tests.Devices.Pmem;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Conformance;

/// <summary>Each device of the library with all that it can offer, and with as little as possible.</summary>
internal static class EveryDevice
{
    /// <summary>A transport that offers all it can.</summary>
    public static readonly TransportOptions FullTransport = new() { RingPacked = true, InOrder = true, NotificationData = true };

    private const ulong Region = 0x1_0000_0000;

    /// <summary>The numbers of features that no device offers, as far as rows of the specification depend on them.</summary>
    private static readonly Dictionary<string, int> Bits = new()
    {
        ["VIRTIO_F_ACCESS_PLATFORM"] = 33,
        ["VIRTIO_F_ORDER_PLATFORM"] = 36,
        ["VIRTIO_F_SR_IOV"] = 37,
        ["VIRTIO_BLK_F_LIFETIME"] = 15,
        ["VIRTIO_BLK_F_SECURE_ERASE"] = 16,
        ["VIRTIO_NET_F_HOST_USO"] = 56,
        ["VIRTIO_NET_F_HASH_REPORT"] = 57,
        ["VIRTIO_NET_F_GUEST_HDRLEN"] = 59,
        ["VIRTIO_NET_F_RSS"] = 60,
        ["VIRTIO_NET_F_RSC_EXT"] = 61,
        ["VIRTIO_NET_F_STANDBY"] = 62,
    };

    /// <summary>The devices by a name that says how they are set up.</summary>
    public static IEnumerable<(string Name, IVirtioDevice Device)> All =>
    [
        ("block", new BlockDevice(new SpyBlockBackend(1 << 20), new() { QueueCount = 4, MaxSegmentBytes = 65_536 })),
        ("block, read-only", new BlockDevice(new SpyBlockBackend(1 << 20), new() { ReadOnly = true })),
        ("block, least", LeastBlock()),
        ("net", new NetDevice(new LoopbackNetBackend(NetOffloads.All), new() { Mac = Mac, Mtu = 9000, QueuePairs = 4 })),
        ("net without offloads", new NetDevice(new LoopbackNetBackend(), new() { Mac = Mac })),
        ("net, least", new NetDevice(new LoopbackNetBackend(), new() { ControlQueue = false, MergeBuffers = false })),
        ("console", new ConsoleDevice(new MemoryStream(), new() { MaxPorts = 31 })),
        ("console, least", new ConsoleDevice(new MemoryStream(), new() { EmergencyWrite = false })),
        ("entropy", new RngDevice()),
        ("balloon", Balloon(new())),
        ("balloon, least", Balloon(LeastBalloon)),
        ("vsock", new VsockDevice()),
        ("vsock, least", new VsockDevice(new() { SeqPacket = false })),
        ("pmem", new PmemDevice(new SpyPmemBackend(), new() { Address = Region, Length = 2 << 20 })),
        ("pmem, least", new PmemDevice(new SpyPmemBackend(), new() { Address = Region, Length = 2 << 20, SharedMemory = false })),
        ("mem", Mem(new() { Address = Region, RegionBytes = 8 << 20, RequestedBytes = 4 << 20, Node = 1 })),
        ("mem, least", Mem(new() { Address = Region, RegionBytes = 8 << 20, UnpluggedInaccessible = false })),
        ("boot timer", new BootTimerDevice()),
    ];

    private static MacAddress Mac => MacAddress.Read([2, 0, 0, 0, 0, 1]);

    private static BalloonOptions LeastBalloon => new()
    {
        MustTellHost = false,
        Statistics = false,
        DeflateOnOutOfMemory = false,
        FreePageHints = false,
        PagePoison = false,
        FreePageReporting = false,
    };

    /// <summary>Whether any device offers a feature.</summary>
    /// <param name="feature">Its name in the specification.</param>
    public static bool Offers(string feature)
    {
        DeviceType? type = feature.Split('_')[1] switch { "BLK" => DeviceType.Block, "NET" => DeviceType.Net, _ => null };
        return All.Where(entry => type is null || entry.Device.Type == type)
            .Any(entry => (Attach(entry.Device).Transport.OfferedFeatures >> Bits[feature] & 1) != 0);
    }

    /// <summary>Puts a device behind the full transport.</summary>
    /// <param name="device">The device.</param>
    public static (GuestDriver Driver, VirtioMmioTransport Transport) Attach(IVirtioDevice device)
    {
        GuestMemory memory = new(new GuestRegion(0x8000_0000, new byte[4 << 20]));
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device, FullTransport, memory);
        return (driver, transport);
    }

    private static BlockDevice LeastBlock() => new(
        new SpyBlockBackend(1 << 20) { CanUnmap = false }, new() { Cache = BlockCacheMode.Unsafe, Discard = false, WriteZeroes = false });

    private static BalloonDevice Balloon(BalloonOptions options) =>
        new([new ReclaimableMemory(0x8000_0000, new SpyReclaimer(new byte[1 << 20]))], options);

    private static MemDevice Mem(MemOptions options) => new(new SpyMemBackend(options.BlockBytes), options);
}
