using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

/// <summary>The register table: what reads what, and what is ignored.</summary>
public sealed class RegisterTests
{
    private static readonly int[] ReadOnlyRegisters =
        [0x000, 0x004, 0x008, 0x00c, 0x010, 0x034, 0x060, 0x0b0, 0x0b4, 0x0b8, 0x0bc, 0x0fc];

    private static readonly int[] WriteOnlyRegisters =
        [0x014, 0x020, 0x024, 0x030, 0x038, 0x050, 0x064, 0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4, 0x0ac];

    private static readonly int[] ReservedRegisters =
    [
        0x018, 0x01c, 0x028, 0x02c, 0x03c, 0x040, 0x048, 0x04c, 0x054, 0x058, 0x05c, 0x068, 0x06c, 0x074, 0x078, 0x07c, 0x088, 0x08c,
        0x098, 0x09c, 0x0a8, .. Enumerable.Range(0, 14).Select(i => 0x0c4 + (4 * i)),
    ];

    private static readonly int[] AllRegisters = [.. Enumerable.Range(0, 64).Select(i => 4 * i)];

    [Fact]
    [Trait("Row", "MMIO-01"), Trait("Row", "MMIO-02"), Trait("Row", "MMIO-D01")]
    public void A_device_identifies_itself()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8), new() { VendorId = 0x1234 });
        byte[] magic = new byte[4];
        transport.Read(0, magic);
        Assert.Equal("virt"u8.ToArray(), magic);
        Assert.Equal(2u, driver.ReadRegister(MmioRegister.Version));
        Assert.Equal((uint)DeviceType.Entropy, driver.ReadRegister(MmioRegister.DeviceId));
        Assert.Equal(0x1234u, driver.ReadRegister(MmioRegister.VendorId));
    }

    [Fact]
    [Trait("Row", "MMIO-D02")]
    public void A_device_of_type_0_is_a_placeholder_that_drivers_leave_alone()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new Placeholder());
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.DeviceId));
        Assert.Equal(0x7472_6976u, driver.ReadRegister(MmioRegister.MagicValue));
        Assert.False(driver.Probe());
        Assert.Equal(0u, (uint)driver.Status);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueNumMax));
        Assert.Equal(0, transport.BadAccesses);
    }

    [Fact]
    public void The_default_vendor_spells_SQIB()
    {
        (_, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        byte[] vendor = new byte[4];
        transport.Read(0x00c, vendor);
        Assert.Equal("SQIB"u8.ToArray(), vendor);
    }

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Case", "T01"), Trait("Case", "T02"), Trait("Row", "MMIO-D01")]
    public void Accesses_of_any_other_width_or_alignment_read_zero_and_write_nothing(bool live)
    {
        using Bench bench = new(RingFormat.Split);
        if (!live) bench.Driver.WriteRegister(MmioRegister.Status, 0);
        uint[] before = ReadAll(bench.Driver);
        long bad = bench.Transport.BadAccesses;
        int accesses = 0;
        for (int offset = 0; offset < 0x100; offset++)
        {
            foreach (int width in new[] { 1, 2, 3, 4, 5, 8 })
            {
                if (width == 4 && offset % 4 == 0) continue;
                byte[] data = new byte[width];
                Array.Fill(data, (byte)0xff);
                bench.Transport.Write((ulong)offset, data);
                Array.Fill(data, (byte)0x5a);
                bench.Transport.Read((ulong)offset, data);
                Assert.True(Array.TrueForAll(data, b => b == 0), $"A read of {width} bytes at 0x{offset:x3} is not zero.");
                accesses += 2;
            }
        }

        Assert.Equal(bad + accesses, bench.Transport.BadAccesses);
        Assert.Equal(before, ReadAll(bench.Driver));
        if (live) bench.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "T02")]
    public void An_8_byte_write_of_a_queue_address_changes_neither_half()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        Assert.True(driver.Probe());
        driver.WriteRegister(MmioRegister.QueueNum, 8);
        Write64(driver, MmioRegister.QueueDescLow, 0x8000_1000);
        Write64(driver, MmioRegister.QueueDriverLow, 0x8000_2000);
        Write64(driver, MmioRegister.QueueDeviceLow, 0x8000_3000);
        transport.Write(MmioRegister.QueueDescLow, BitConverter.GetBytes(0x0000_0001_8000_1000));
        driver.WriteRegister(MmioRegister.QueueReady, 1);
        Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
    }

    [Fact]
    [Trait("Case", "T04")]
    public void Read_only_registers_cannot_be_written()
    {
        using Bench bench = new(RingFormat.Split);
        uint[] before = ReadAll(bench.Driver);
        long bad = bench.Transport.BadAccesses;
        foreach (int register in ReadOnlyRegisters)
        {
            bench.Driver.WriteRegister(register, 0xffff_ffff);
            bench.Driver.WriteRegister(register, 0);
        }

        Assert.Equal(bad + (2 * ReadOnlyRegisters.Length), bench.Transport.BadAccesses);
        Assert.Equal(before, ReadAll(bench.Driver));
        bench.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "T05")]
    public void Write_only_registers_read_zero_and_reading_does_nothing()
    {
        using Bench bench = new(RingFormat.Split);
        bench.Ring.Post(Raw.Out(Bench.Buffer(0), 4));
        bench.Ring.Publish();
        bench.Remember();
        foreach (int register in WriteOnlyRegisters) Assert.Equal(0u, bench.Driver.ReadRegister(register));
        Assert.Equal(0, bench.Fill.Requests);
        bench.AssertUntouched();
        bench.Ring.Notify();
        bench.AssertUsed(0, 4);
    }

    [Fact]
    [Trait("Case", "T06")]
    public void Reserved_registers_read_zero_and_ignore_writes()
    {
        using Bench bench = new(RingFormat.Split);
        long bad = bench.Transport.BadAccesses;
        foreach (int register in ReservedRegisters)
        {
            bench.Driver.WriteRegister(register, 0xffff_ffff);
            Assert.Equal(0u, bench.Driver.ReadRegister(register));
        }

        Assert.Equal(bad + (2 * ReservedRegisters.Length), bench.Transport.BadAccesses);
        bench.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "T07"), Trait("Row", "MMIO-D03"), Trait("Row", "BASE-D04"), Trait("Row", "RSVD-01"), Trait("Row", "RSVD-07")]
    [Trait("Row", "RSVD-03")]
    public void Features_are_read_by_word_and_words_beyond_the_second_are_zero()
    {
        TransportOptions all = new() { RingPacked = true, InOrder = true, NotificationData = true };
        (GuestDriver driver, VirtioMmioTransport transport, _) =
            GuestDriver.Attach(new FillDevice(8) { Features = (1UL << 3) | (1UL << 63) }, all);
        const ulong Expected = (1UL << 3) | (1UL << 28) | (1UL << 29) | (1UL << 32) | (1UL << 34) | (1UL << 35) | (1UL << 38)
            | (1UL << 40) | (1UL << 63);
        Assert.Equal(Expected, driver.ReadOfferedFeatures());
        Assert.Equal(Expected, transport.OfferedFeatures);
        foreach (uint word in new[] { 2u, 3u, 31u, 32u, 64u, 0x8000_0000u, 0xffff_ffffu })
        {
            driver.WriteRegister(MmioRegister.DeviceFeaturesSel, word);
            Assert.Equal(0u, driver.ReadRegister(MmioRegister.DeviceFeatures));
        }
    }

    [Fact]
    [Trait("Row", "RSVD-01")]
    public void Every_feature_can_be_withheld_but_version_1()
    {
        TransportOptions none = new() { IndirectDescriptors = false, EventIndex = false, RingReset = false };
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(8), none);
        Assert.Equal(1UL << 32, driver.ReadOfferedFeatures());
        (driver, _, _) = GuestDriver.Attach(new FillDevice(8));
        Assert.Equal((1UL << 32) | (1UL << 28) | (1UL << 29) | (1UL << 40), driver.ReadOfferedFeatures());
    }

    [Theory, InlineData(24), InlineData(28), InlineData(30), InlineData(32), InlineData(33), InlineData(37), InlineData(41), InlineData(49)]
    [Trait("Row", "BASE-D04"), Trait("Row", "RSVD-07")]
    public void A_device_may_not_offer_bits_of_the_transport(int bit)
    {
        ArgumentException error =
            Assert.Throws<ArgumentException>(() => GuestDriver.Attach(new FillDevice(8) { Features = 1UL << bit }));
        Assert.Contains("24 to 49", error.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(0), InlineData(32769), InlineData(65535)]
    public void A_queue_of_an_impossible_size_is_refused_at_once(int size)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => GuestDriver.Attach(new FillDevice(8, (ushort)size)));
        Assert.Contains("32,768", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_transport_needs_a_device_memory_and_a_line()
    {
        GuestMemory memory = new(new GuestRegion(0, new byte[4096]));
        IrqLine line = new(new RecordingGic(), new IntId(48));
        Assert.Throws<ArgumentNullException>(() => new VirtioMmioTransport(null!, memory, line));
        Assert.Throws<ArgumentNullException>(() => new VirtioMmioTransport(new FillDevice(8), null!, line));
        Assert.Throws<ArgumentNullException>(() => new VirtioMmioTransport(new FillDevice(8), memory, null!));
    }

    [Theory, InlineData(2u), InlineData(0xffffu), InlineData(0x1_0000u), InlineData(0x8000_0000u), InlineData(0xffff_ffffu)]
    [Trait("Case", "T18"), Trait("Row", "MMIO-D06")]
    public void A_queue_that_does_not_exist_reads_zero_and_ignores_writes(uint queue)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Driver.WriteRegister(MmioRegister.QueueSel, queue);
        long bad = bench.Transport.BadAccesses;
        foreach (int register in new[] { 0x034, 0x044, 0x0c0 }) Assert.Equal(0u, bench.Driver.ReadRegister(register));
        int[] writable = [0x038, 0x044, 0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4, 0x0c0];
        foreach (int register in writable) bench.Driver.WriteRegister(register, 1);
        foreach (int register in writable) bench.Driver.WriteRegister(register, 0);
        Assert.Equal(bad + (2 * writable.Length), bench.Transport.BadAccesses);
        bench.AssertHealthy();
    }

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Case", "T25"), Trait("Row", "MMIO-D08")]
    public void Notifications_of_queues_that_do_not_exist_are_counted(bool notificationData)
    {
        using Bench bench = new(RingFormat.Split, options: new() { NotificationData = notificationData });
        bench.Ring.Post(Raw.Out(Bench.Buffer(0), 4));
        bench.Ring.Publish();
        uint[] values = notificationData ? [2, 0xffff, 0x8000_0002, 0xffff_ffff] : [2, 0xffff, 0x8000_0000, 0xffff_ffff, 0x0003_0000];
        foreach (uint value in values) bench.Driver.WriteRegister(MmioRegister.QueueNotify, value);
        Assert.Equal(values.Length, bench.Transport.BadNotifications);
        Assert.Equal(0, bench.Fill.Requests);
        bench.Driver.WriteRegister(MmioRegister.QueueNotify, notificationData ? 0x0001_0000u : 0);
        bench.AssertUsed(0, 4);
    }

    [Theory, InlineData(0u), InlineData(1u), InlineData(99u), InlineData(0xffff_ffffu)]
    [Trait("Case", "T35"), Trait("Row", "MMIO-D13")]
    public void A_shared_memory_region_that_does_not_exist_reads_all_ones(uint id)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new FillDevice(8));
        driver.WriteRegister(MmioRegister.ShmSel, id);
        foreach (int register in new[] { 0x0b0, 0x0b4, 0x0b8, 0x0bc }) Assert.Equal(0xffff_ffffu, driver.ReadRegister(register));
    }

    [Fact]
    [Trait("Row", "MMIO-D13")]
    public void A_shared_memory_region_shows_its_place()
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new SharingDevice());
        driver.WriteRegister(MmioRegister.ShmSel, 3);
        Assert.Equal([0x2000_0000u, 0x1u, 0x4000_0000u, 0x12u], new[] { 0x0b0, 0x0b4, 0x0b8, 0x0bc }.Select(driver.ReadRegister));
        driver.WriteRegister(MmioRegister.ShmSel, 4);
        Assert.Equal(0xffff_ffffu, driver.ReadRegister(0x0b0));
    }

    [Fact]
    [Trait("Case", "T18"), Trait("Case", "Z13")]
    public async Task Two_vCPUs_that_select_queues_against_each_other_do_no_harm()
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8, 8));
        Assert.True(driver.Probe());
        using CancellationTokenSource end = new();
        Task selector = Vcpu.Start(() =>
        {
            for (uint i = 0; !end.IsCancellationRequested; i++)
                driver.WriteRegister(MmioRegister.QueueSel, (i & 1) == 0 ? 0 : 0xffff_ffff);
        });
        for (int i = 0; i < 300_000; i++)
        {
            driver.ReadRegister(MmioRegister.QueueReady);
            driver.ReadRegister(MmioRegister.QueueNumMax);
            driver.ReadRegister(MmioRegister.QueueReset);
            driver.WriteRegister(MmioRegister.QueueNum, (uint)i);
            driver.WriteRegister(MmioRegister.QueueReady, (uint)i & 1);
            driver.WriteRegister(MmioRegister.QueueReset, 1);
        }

        await end.CancelAsync();
        await selector;
        Assert.True(transport.BadAccesses > 0);
    }

    private static uint[] ReadAll(GuestDriver driver) => [.. AllRegisters.Select(driver.ReadRegister)];

    private static void Write64(GuestDriver driver, int register, ulong value)
    {
        driver.WriteRegister(register, (uint)value);
        driver.WriteRegister(register + 4, (uint)(value >> 32));
    }

    private sealed class Placeholder : IVirtioDevice
    {
        public DeviceType Type => DeviceType.None;

        public ulong Features => 0;

        public IReadOnlyList<ushort> QueueSizes => [];

        public ConfigSpace Config { get; } = new();

        public Task RunAsync(DriverSession session, CancellationToken reset) => Task.CompletedTask;
    }

    private sealed class SharingDevice : IVirtioDevice
    {
        public DeviceType Type => DeviceType.Pmem;

        public ulong Features => 0;

        public IReadOnlyList<ushort> QueueSizes => [8];

        public ConfigSpace Config { get; } = new();

        public Task RunAsync(DriverSession session, CancellationToken reset) => Task.CompletedTask;

        public SharedMemoryRegion? FindSharedMemory(uint id) => id == 3 ? new(0x12_4000_0000, 0x1_2000_0000) : null;
    }
}
