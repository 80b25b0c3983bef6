using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Conformance;

/// <summary>What every device of the library does in the same way.</summary>
public sealed class EveryDeviceTests
{
    private const ulong TransportBits = VirtioFeature.IndirectDescriptors | VirtioFeature.EventIndex | VirtioFeature.Version1
        | VirtioFeature.RingPacked | VirtioFeature.InOrder | VirtioFeature.NotificationData | VirtioFeature.RingReset;

    /// <summary>Features and what they need: one of the bits beside them (2.2.2, 5.1.3.1, 5.2.5.2).</summary>
    private static readonly (DeviceType Type, ulong Feature, ulong Needs)[] Needs =
    [
        (DeviceType.Block, BlockFeature.ConfigWce, BlockFeature.Flush),
        (DeviceType.Net, NetFeature.GuestTso4, NetFeature.GuestChecksum),
        (DeviceType.Net, NetFeature.GuestTso6, NetFeature.GuestChecksum),
        (DeviceType.Net, NetFeature.GuestUfo, NetFeature.GuestChecksum),
        (DeviceType.Net, NetFeature.GuestEcn, NetFeature.GuestTso4 | NetFeature.GuestTso6),
        (DeviceType.Net, NetFeature.HostTso4, NetFeature.Checksum),
        (DeviceType.Net, NetFeature.HostTso6, NetFeature.Checksum),
        (DeviceType.Net, NetFeature.HostUfo, NetFeature.Checksum),
        (DeviceType.Net, NetFeature.HostEcn, NetFeature.HostTso4 | NetFeature.HostTso6),
        (DeviceType.Net, NetFeature.ControlReceive, NetFeature.ControlQueue),
        (DeviceType.Net, NetFeature.ControlReceiveExtra, NetFeature.ControlQueue),
        (DeviceType.Net, NetFeature.ControlVlan, NetFeature.ControlQueue),
        (DeviceType.Net, NetFeature.GuestAnnounce, NetFeature.ControlQueue),
        (DeviceType.Net, NetFeature.MultiQueue, NetFeature.ControlQueue),
        (DeviceType.Net, NetFeature.ControlMacAddress, NetFeature.ControlQueue),
        (DeviceType.Net, NetFeature.ControlGuestOffloads, NetFeature.ControlQueue),
    ];

    public static TheoryData<string> Names => [.. EveryDevice.All.Select(entry => entry.Name)];

    /// <summary>Those whose configuration does not change by itself.</summary>
    public static TheoryData<string> NamesWithoutClock =>
        [.. EveryDevice.All.Where(entry => entry.Device.Type != DeviceType.BootTimer).Select(entry => entry.Name)];

    [Theory, MemberData(nameof(Names))]
    [Trait("Row", "BASE-D04"), Trait("Row", "RSVD-01"), Trait("Row", "RSVD-03"), Trait("Row", "RSVD-07")]
    public void Of_the_bits_that_are_not_the_devices_own_only_known_ones_are_offered(string name)
    {
        (GuestDriver driver, _) = EveryDevice.Attach(Find(name));
        ulong offered = driver.ReadOfferedFeatures();
        Assert.Equal(TransportBits, offered & (((1UL << 50) - 1) ^ ((1UL << 24) - 1)));
        foreach (uint word in new uint[] { 2, 3 })
        {
            driver.WriteRegister(MmioRegister.DeviceFeaturesSel, word);
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.DeviceFeatures));
        }
    }

    [Theory, MemberData(nameof(Names))]
    [Trait("Row", "BASE-05")]
    public void What_an_offered_feature_needs_is_offered_too(string name) => AssertConsistent(Find(name));

    [Fact]
    [Trait("Row", "BASE-05")]
    public void A_card_on_any_backend_offers_what_its_features_need()
    {
        for (NetOffloads backend = 0; backend <= NetOffloads.All; backend++)
        {
            for (NetOffloads wanted = 0; wanted <= NetOffloads.All; wanted++)
            {
                AssertConsistent(new NetDevice(new LoopbackNetBackend(backend), new() { Offloads = wanted }));
                AssertConsistent(new NetDevice(new LoopbackNetBackend(backend), new() { Offloads = wanted, ControlQueue = false }));
            }
        }
    }

    [Theory, MemberData(nameof(Names))]
    [Trait("Row", "BASE-06"), Trait("Row", "BASE-08"), Trait("Row", "BASE-D03")]
    public void Every_subset_that_has_what_it_needs_is_accepted_again_and_again(string name)
    {
        IVirtioDevice device = Find(name);
        (GuestDriver driver, VirtioMmioTransport transport) = EveryDevice.Attach(device);
        ulong offered = driver.ReadOfferedFeatures();
        Random random = new(1);
        for (int round = 0; round < 500; round++)
        {
            ulong wanted = (ulong)random.NextInt64(long.MinValue, long.MaxValue) | VirtioFeature.Version1;
            // Few or many at once, and now and then all and none.
            if (round % 3 == 1) wanted |= (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            if (round % 3 == 2) wanted &= (ulong)random.NextInt64(long.MinValue, long.MaxValue) | VirtioFeature.Version1;
            wanted = WithWhatItNeeds(device.Type, round switch { 0 => ulong.MaxValue, 1 => VirtioFeature.Version1, _ => wanted } & offered);
            for (int again = 0; again < 2; again++)
            {
                Assert.True(driver.Probe(wanted), $"Features 0x{wanted:x} are refused.");
                Assert.Equal(wanted, transport.NegotiatedFeatures);
                Assert.Equal(offered, driver.ReadOfferedFeatures());
            }
        }

        driver.Start();
        Assert.Equal(offered, driver.ReadOfferedFeatures());
    }

    [Theory, MemberData(nameof(Names))]
    [Trait("Row", "BASE-07"), Trait("Row", "RSVD-02")]
    public void A_feature_that_is_not_offered_and_a_driver_of_before_version_1_are_refused(string name)
    {
        (GuestDriver driver, VirtioMmioTransport transport) = EveryDevice.Attach(Find(name));
        ulong offered = driver.ReadOfferedFeatures();
        Assert.False(driver.Probe(~VirtioFeature.Version1));
        for (int bit = 0; bit < 64; bit++)
        {
            if ((offered >> bit & 1) != 0) continue;
            driver.Reset();
            driver.AddStatus(DeviceStatus.Acknowledge);
            driver.AddStatus(DeviceStatus.Driver);
            for (uint word = 0; word < 2; word++)
            {
                driver.WriteRegister(MmioRegister.DriverFeaturesSel, word);
                driver.WriteRegister(MmioRegister.DriverFeatures, (uint)((VirtioFeature.Version1 | (1UL << bit)) >> (32 * (int)word)));
            }

            driver.AddStatus(DeviceStatus.FeaturesOk);
            Assert.Equal(0x03u, (uint)driver.Status);
            Assert.Equal(0UL, transport.NegotiatedFeatures);
        }
    }

    [Theory, MemberData(nameof(NamesWithoutClock))]
    [Trait("Row", "BASE-12")]
    public void The_configuration_reads_the_same_before_and_after_negotiation(string name)
    {
        IVirtioDevice device = Find(name);
        (GuestDriver driver, _) = EveryDevice.Attach(device);
        foreach (DeviceStatus bit in new[] { DeviceStatus.Acknowledge, DeviceStatus.Driver }) driver.AddStatus(bit);
        byte[] before = driver.ReadConfig(0, device.Config.Length);
        // The one field that a feature changes: with SHMEM_REGION a persistent memory is found elsewhere (5.19.5.1).
        driver.Start(device.Type == DeviceType.Pmem ? ~PmemFeature.SharedMemory : ulong.MaxValue);
        Assert.Equal(before, driver.ReadConfig(0, device.Config.Length));
    }

    [Fact]
    [Trait("Row", "BASE-D06")]
    public void Fields_of_features_that_are_not_offered_keep_their_places()
    {
        // blk_size behind size_max and geometry, max_write_zeroes_sectors behind the three fields of DISCARD.
        BlockOptions disk = new() { BlockSize = 4096, Discard = false, MaxWriteZeroesSectors = 0x1234 };
        AssertField(new BlockDevice(new MemoryBlockBackend(new byte[4096]), disk), 0x14, [0, 0x10, 0, 0]);
        AssertField(new BlockDevice(new MemoryBlockBackend(new byte[4096]), disk), 0x30, [0x34, 0x12, 0, 0]);
        // mtu behind max_virtqueue_pairs of MQ, speed and duplex behind mtu.
        NetOptions card = new() { ControlQueue = false, Mtu = 0x5678 };
        AssertField(new NetDevice(new LoopbackNetBackend(), card), 10, [0x78, 0x56]);
        card = new() { ControlQueue = false, SpeedMbps = 0x1234_5678, FullDuplex = true };
        AssertField(new NetDevice(new LoopbackNetBackend(), card), 12, [0x78, 0x56, 0x34, 0x12, 1]);
        // addr behind node_id of ACPI_PXM.
        AssertField(Find("mem, least"), 16, [0, 0, 0, 0, 1, 0, 0, 0]);
        // emerg_wr behind max_nr_ports of MULTIPORT.
        MemoryStream screen = new();
        (GuestDriver driver, _) = EveryDevice.Attach(new ConsoleDevice(screen));
        driver.WriteConfig(8, (byte)'!', 0, 0, 0);
        Assert.Equal("!"u8.ToArray(), screen.ToArray());
        // poison_val behind free_page_hint_cmd_id.
        BalloonDevice balloon = new([], new() { FreePageHints = false });
        (driver, _) = EveryDevice.Attach(balloon);
        Assert.True(driver.Probe());
        driver.WriteConfig(12, 0x78, 0x56, 0x34, 0x12);
        driver.SetDriverOk();
        Assert.Equal(0x1234_5678u, balloon.PoisonValue);
    }

    [Theory, MemberData(nameof(Names))]
    [Trait("Row", "BASE-09"), Trait("Row", "MMIO-05"), Trait("Row", "MMIO-06"), Trait("Row", "MMIO-09")]
    public void A_reset_leaves_nothing_of_a_driver(string name)
    {
        IVirtioDevice device = Find(name);
        (GuestDriver driver, VirtioMmioTransport transport) = EveryDevice.Attach(device);
        for (int again = 0; again < 2; again++)
        {
            driver.Start();
            Assert.Equal(0x0fu, (uint)driver.Status);
            driver.Reset();
            Assert.Equal(0u, (uint)driver.Status);
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.InterruptStatus));
            for (int queue = 0; queue < device.QueueSizes.Count; queue++)
            {
                driver.WriteRegister(MmioRegister.QueueSel, (uint)queue);
                Assert.NotEqual(0u, driver.ReadRegister(MmioRegister.QueueNumMax));
                Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
                Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReset));
            }
        }

        Assert.Equal(0, transport.BadAccesses);
    }

    [Theory, MemberData(nameof(Names))]
    [Trait("Row", "BASE-13"), Trait("Row", "BASE-16"), Trait("Row", "MMIO-11"), Trait("Row", "MMIO-13"), Trait("Row", "MMIO-14")]
    public void Each_queue_can_be_reset_alone_with_all_that_the_device_has_of_it(string name)
    {
        IVirtioDevice device = Find(name);
        (GuestDriver driver, VirtioMmioTransport transport) = EveryDevice.Attach(device);
        driver.Start();
        for (int index = 0; index < device.QueueSizes.Count; index++)
        {
            foreach (int size in new[] { 0, 4 })
            {
                DriverQueue queue = driver.Queues[index];
                // Some devices keep what they can only write, others what they can only read, until there is a reason to use it.
                queue.Submit([], [64]);
                queue.Submit([new byte[64]]);
                long taken = transport.Session!.Queues[index].ChainsTaken;
                driver.WriteRegister(MmioRegister.QueueSel, (uint)index);
                driver.WriteRegister(MmioRegister.QueueReset, 1);
                Assert.True(SpinWait.SpinUntil(() => driver.ReadRegister(MmioRegister.QueueReset) == 0, 20_000), $"Queue {index} hangs.");
                Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
                queue.Submit([], [64]);
                queue.Notify();
                Assert.Equal(taken, transport.Session.Queues[index].ChainsTaken);
                driver.SetUpQueue(index, size);
                Assert.Equal(0x0fu, (uint)driver.Status);
            }
        }

        driver.Reset();
        Assert.Equal(0u, (uint)driver.Status);
    }

    [Theory, MemberData(nameof(Names))]
    [Trait("Row", "BASE-17"), Trait("Row", "BASE-18")]
    public void Only_persistent_memory_is_a_shared_memory_region(string name)
    {
        IVirtioDevice device = Find(name);
        (GuestDriver driver, _) = EveryDevice.Attach(device);
        driver.Start();
        for (uint id = 0; id < 256; id++)
        {
            driver.WriteRegister(MmioRegister.ShmSel, id);
            bool isThere = driver.ReadRegister(MmioRegister.ShmLenLow) != uint.MaxValue;
            Assert.Equal(id == 0 && (driver.Features & PmemFeature.SharedMemory) != 0 && device.Type == DeviceType.Pmem, isThere);
        }
    }

    private static void AssertField(IVirtioDevice device, int offset, byte[] expected)
    {
        (GuestDriver driver, _) = EveryDevice.Attach(device);
        Assert.Equal(expected, driver.ReadConfig(offset, expected.Length));
    }

    private static IVirtioDevice Find(string name) => EveryDevice.All.Single(entry => entry.Name == name).Device;

    private static void AssertConsistent(IVirtioDevice device) =>
        Assert.Equal(device.Features, WithWhatItNeeds(device.Type, device.Features));

    /// <summary>Leaves out the features that lack what they need.</summary>
    private static ulong WithWhatItNeeds(DeviceType type, ulong features)
    {
        ulong before;
        do
        {
            before = features;
            foreach ((DeviceType of, ulong feature, ulong needs) in Needs)
                if (of == type && (features & needs) == 0) features &= ~feature;
        }
        while (features != before);
        return features;
    }
}
