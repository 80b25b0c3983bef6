using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

/// <summary>What a driver may write about a queue, and when the queue comes to life.</summary>
public sealed class QueueSetUpTests
{
    private const ulong Ram = Bench.R0;

    [Theory]
    [InlineData(0u), InlineData(3u), InlineData(5u), InlineData(255u), InlineData(257u), InlineData(512u), InlineData(0x8000u)]
    [InlineData(0xffffu), InlineData(0x1_0000u), InlineData(0x1_0008u), InlineData(0x8000_0008u), InlineData(0xffff_ffffu)]
    [Trait("Case", "T19")]
    public void A_split_queue_of_a_bad_size_is_not_enabled(uint size)
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(256, 256));
        Assert.True(driver.Probe());
        SetUp(driver, 0, size, Ram + 0x1000, Ram + 0x2000, Ram + 0x3000);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
        driver.SetDriverOk();
        driver.WriteRegister(MmioRegister.QueueNotify, 0);
        Assert.Equal(0, transport.Session!.Queues[0].Size);
        driver.SetUpQueue(1).Submit([[1]], [1]);
        Assert.Single(driver.Queues[0].Reap());
    }

    [Theory, InlineData(0u), InlineData(257u), InlineData(0x1_0008u), InlineData(0x8000_0008u), InlineData(0xffff_ffffu)]
    [Trait("Case", "T19"), Trait("Case", "P01")]
    public void A_packed_queue_of_a_bad_size_is_not_enabled(uint size)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(256), new() { RingPacked = true });
        Assert.True(driver.Probe());
        SetUp(driver, 0, size, Ram + 0x1000, Ram + 0x2000, Ram + 0x3000);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
    }

    [Theory, InlineData(1u), InlineData(2u), InlineData(64u), InlineData(256u), InlineData(1024u), InlineData(32768u)]
    [Trait("Row", "SPLIT-D01")]
    public void A_split_queue_may_have_any_power_of_two(uint size)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(32768));
        Assert.True(driver.Probe());
        SetUp(driver, 0, size, Ram + 0x10_0000, Ram + 0x20_0002, Ram + 0x30_0004);
        Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
    }

    [Theory, InlineData(1u), InlineData(3u), InlineData(7u), InlineData(100u), InlineData(32768u)]
    [Trait("Row", "PACKED-D01")]
    public void A_packed_queue_may_have_any_size(uint size)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(32768), new() { RingPacked = true });
        Assert.True(driver.Probe());
        SetUp(driver, 0, size, Ram + 0x10_0000, Ram + 0x20_0004, Ram + 0x20_0008);
        Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
    }

    public static TheoryData<bool, ulong, ulong, ulong> BadAddresses => new()
    {
        // No addresses at all, misaligned ones, areas that leave their region, wrap, or may not be written.
        { false, 0, 0, 0 },
        { false, Ram + 0x1008, Ram + 0x2000, Ram + 0x3000 },
        { false, Ram + 0x1000, Ram + 0x2001, Ram + 0x3000 },
        { false, Ram + 0x1000, Ram + 0x2000, Ram + 0x3002 },
        { false, Bench.R1 - 64, Ram + 0x2000, Ram + 0x3000 },
        { false, Ram + Bench.R0Length - 64, Ram + 0x2000, Ram + 0x3000 },
        { false, Ram + 0x1000, Ram + Bench.R0Length - 8, Ram + 0x3000 },
        { false, Ram + 0x1000, Ram + 0x2000, 0xffff_ffff_ffff_fff0 },
        { false, Ram + 0x1000, Ram + 0x2000, Bench.Rom },
        { false, Bench.R2 - 64, Ram + 0x2000, Ram + 0x3000 },
        { false, 0x8000_1000_0000_0000, Ram + 0x2000, Ram + 0x3000 },
        { true, 0, 0, 0 },
        { true, Ram + 0x1008, Ram + 0x2000, Ram + 0x3000 },
        { true, Ram + 0x1000, Ram + 0x2002, Ram + 0x3000 },
        { true, Ram + 0x1000, Ram + 0x2000, Ram + 0x3002 },
        { true, Bench.R1 - 64, Ram + 0x2000, Ram + 0x3000 },
        { true, Bench.Rom, Ram + 0x2000, Ram + 0x3000 },
        { true, Ram + 0x1000, Ram + 0x2000, Bench.Rom },
        { true, Ram + 0x1000, Ram + Bench.R0Length, Ram + 0x3000 },
        { true, Ram + 0x1000, Ram + 0x2000, 0xffff_ffff_ffff_fffc },
    };

    [Theory, MemberData(nameof(BadAddresses))]
    [Trait("Case", "T20"), Trait("Case", "T21"), Trait("Case", "Q24")]
    public void A_queue_whose_areas_cannot_be_used_is_not_enabled(bool packed, ulong table, ulong driverArea, ulong deviceArea)
    {
        using Bench bench = new(packed ? RingFormat.Packed : RingFormat.Split);
        GuestDriver driver = bench.Driver;
        Assert.True(driver.Probe());
        bench.Remember();
        long bad = bench.Transport.BadAccesses;
        SetUp(driver, 0, 8, table, driverArea, deviceArea);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
        Assert.Equal(bad + 1, bench.Transport.BadAccesses);
        driver.SetDriverOk();
        driver.WriteRegister(MmioRegister.QueueNotify, 0);
        Assert.Equal(0x0fu, (uint)driver.Status);
        bench.AssertUntouched();
        bench.Recover();
    }

    [Fact]
    [Trait("Case", "Q24")]
    public void What_the_device_only_reads_of_a_split_ring_may_be_in_read_only_memory()
    {
        using Bench bench = new(RingFormat.Split);
        Assert.True(bench.Driver.Probe());
        // Written by the host: one writable buffer of 16 bytes, made available as the first entry.
        BitConverter.GetBytes(Bench.Buffer(0)).CopyTo(bench.RomBytes[0x100..]);
        bench.RomBytes[0x108] = 16;
        bench.RomBytes[0x10c] = 2;
        bench.RomBytes[0x202] = 1;
        SetUp(bench.Driver, 0, 8, Bench.Rom + 0x100, Bench.Rom + 0x200, bench.Ring.DeviceArea);
        Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        bench.Driver.SetDriverOk();
        bench.AssertUsed(0, 16);
    }

    [Fact]
    [Trait("Case", "Q24")]
    public void The_driver_area_of_a_packed_ring_may_be_in_read_only_memory()
    {
        using Bench bench = new(RingFormat.Packed);
        Assert.True(bench.Driver.Probe());
        bench.Ring.Clear();
        SetUp(bench.Driver, 0, 8, bench.Ring.Descriptors, Bench.Rom + 0x100, bench.Ring.DeviceArea);
        Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        bench.Driver.SetDriverOk();
        bench.AssertOneSlot(1);
    }

    [Theory, InlineData(false, 22, 72), InlineData(true, 4, 4)]
    [Trait("Case", "T21")]
    public void An_area_may_end_with_its_region(bool packed, int driverArea, int deviceArea)
    {
        using Bench bench = new(packed ? RingFormat.Packed : RingFormat.Split);
        ulong end = Ram + Bench.R0Length;
        foreach ((ulong table, ulong driver, ulong device) in new[]
            {
                (end - 128, Ram + 0x2000, Ram + 0x3000), (Ram + 0x1000, end - (ulong)driverArea, Ram + 0x3000),
                (Ram + 0x1000, Ram + 0x2000, end - (ulong)deviceArea),
            })
        {
            Assert.True(bench.Driver.Probe());
            SetUp(bench.Driver, 0, 8, table, driver, device);
            Assert.Equal(1u, bench.Driver.ReadRegister(MmioRegister.QueueReady));
        }
    }

    [Fact]
    [Trait("Row", "MMIO-D12")]
    public void The_halves_of_an_address_may_come_in_any_order()
    {
        using Bench bench = new(RingFormat.Split);
        (GuestDriver driver, RawRing ring) = (bench.Driver, bench.Ring);
        Assert.True(driver.Probe());
        ring.Clear();
        driver.WriteRegister(MmioRegister.QueueNum, 8);
        foreach ((int register, ulong address) in new[] { (0x080, ring.Descriptors), (0x090, ring.DriverArea), (0x0a0, ring.DeviceArea) })
        {
            driver.WriteRegister(register, 0xffff_ffff);
            driver.WriteRegister(register + 4, 0xffff_ffff);
            driver.WriteRegister(register + 4, (uint)(address >> 32));
            driver.WriteRegister(register, (uint)address);
        }

        driver.WriteRegister(MmioRegister.QueueReady, 1);
        Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
        driver.SetDriverOk();
        bench.AssertOneSlot(1);
    }

    [Fact]
    [Trait("Row", "MMIO-D05")]
    public void Queues_keep_their_registers_apart()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(64, 16, 8));
        Assert.True(driver.Probe());
        foreach ((uint queue, uint max) in new[] { (0u, 64u), (1u, 16u), (2u, 8u) })
        {
            driver.WriteRegister(MmioRegister.QueueSel, queue);
            Assert.Equal(max, driver.ReadRegister(MmioRegister.QueueNumMax));
        }

        driver.SetUpQueue(1, 4);
        driver.SetUpQueue(0, 32);
        driver.WriteRegister(MmioRegister.QueueSel, 2);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
        driver.SetDriverOk();
        Assert.Equal([32, 4, 0], transport.Session!.Queues.Select(queue => queue.Size));
    }

    [Fact]
    [Trait("Row", "MMIO-D07")]
    public void QueueReady_reads_what_was_written()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        Assert.True(driver.Probe());
        SetUp(driver, 0, 8, Ram + 0x1000, Ram + 0x2000, Ram + 0x3000);
        for (int i = 0; i < 3; i++)
        {
            driver.WriteRegister(MmioRegister.QueueReady, 0);
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
            driver.WriteRegister(MmioRegister.QueueReady, 1);
            Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
        }

        long bad = transport.BadAccesses;
        driver.WriteRegister(MmioRegister.QueueReady, 2);
        driver.WriteRegister(MmioRegister.QueueReady, 0xffff_ffff);
        Assert.Equal(bad + 2, transport.BadAccesses);
        Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
    }

    [Fact]
    public void A_queue_cannot_be_enabled_before_the_features_are_negotiated()
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(8));
        driver.WriteRegister(MmioRegister.Status, 1);
        driver.WriteRegister(MmioRegister.Status, 3);
        SetUp(driver, 0, 8, Ram + 0x1000, Ram + 0x2000, Ram + 0x3000);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
    }

    [Theory, InlineData(RingFormat.Split), InlineData(RingFormat.Packed)]
    [Trait("Case", "T23")]
    public void The_geometry_of_a_running_queue_is_frozen(RingFormat format)
    {
        using Bench bench = new(format);
        GuestDriver driver = bench.Driver;
        driver.WriteRegister(MmioRegister.QueueSel, 0);
        long bad = bench.Transport.BadAccesses;
        foreach (uint size in new uint[] { 8, 32768, 0 }) driver.WriteRegister(MmioRegister.QueueNum, size);
        foreach (int register in new[] { 0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4 }) driver.WriteRegister(register, 0x8050_0000);
        driver.WriteRegister(MmioRegister.QueueReady, 1);
        Assert.Equal(bad + 9, bench.Transport.BadAccesses);
        Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
        for (int i = 0; i < 1000; i++) bench.AssertOneSlot(i % 10);
        Assert.Equal(8, bench.Queue.Size);
        bench.AssertHealthy();
    }

    [Theory, InlineData(RingFormat.Split), InlineData(RingFormat.Packed)]
    [Trait("Case", "T37"), Trait("Row", "MMIO-08")]
    public void A_device_without_its_queues_is_inert(RingFormat format)
    {
        using Bench bench = new(format);
        GuestDriver driver = bench.Driver;
        Assert.True(driver.Probe());
        bench.Ring.Clear();
        bench.Ring.Post(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Publish();
        driver.SetDriverOk();
        bench.Remember();
        for (uint i = 0; i < 2; i++) driver.WriteRegister(MmioRegister.QueueNotify, i);
        bench.AssertUntouched();
        bench.AssertNothingUsed();
        Assert.Equal(0x0fu, (uint)driver.Status);
        bench.Recover();
        Assert.True(driver.Probe());
        DriverQueue second = driver.SetUpQueue(1);
        driver.SetDriverOk();
        driver.WriteRegister(MmioRegister.QueueNotify, 0);
        second.Submit([[1]], [1]);
        Assert.Single(second.Reap());
    }

    private static void SetUp(GuestDriver driver, int queue, uint size, ulong table, ulong driverArea, ulong deviceArea)
    {
        driver.WriteRegister(MmioRegister.QueueSel, (uint)queue);
        driver.WriteRegister(MmioRegister.QueueNum, size);
        foreach ((int register, ulong address) in new[] { (0x080, table), (0x090, driverArea), (0x0a0, deviceArea) })
        {
            driver.WriteRegister(register, (uint)address);
            driver.WriteRegister(register + 4, (uint)(address >> 32));
        }

        driver.WriteRegister(MmioRegister.QueueReady, 1);
    }
}
