using System.Buffers.Binary;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Transport;

public sealed class ConfigSpaceTests
{
    private static readonly byte[] Twelve = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

    [Fact]
    [Trait("Case", "T29"), Trait("Row", "BASE-D06"), Trait("Row", "MMIO-D01")]
    public void Every_width_at_every_offset_reads_the_same_bytes_and_zeros_beyond_the_end()
    {
        (_, VirtioMmioTransport transport, _) = GuestDriver.Attach(new FillDevice(8));
        for (int offset = 0; offset <= Twelve.Length + 8; offset++)
        {
            foreach (int width in new[] { 1, 2, 3, 4, 5, 6, 7, 8 })
            {
                byte[] data = new byte[width];
                Array.Fill(data, (byte)0xee);
                transport.Read((ulong)(MmioRegister.Config + offset), data);
                Assert.Equal(Twelve.Skip(offset).Concat(new byte[8]).Take(width).Concat(new byte[8]).Take(width), data);
            }
        }
    }

    [Theory, InlineData(0x1fcUL), InlineData(0xfffUL), InlineData(0x8000_0000UL), InlineData(0xffff_ffff_ffff_fff8UL), InlineData(ulong.MaxValue)]
    [Trait("Case", "T29"), Trait("Case", "T30")]
    public void Far_offsets_read_zero_and_ignore_writes(ulong offset)
    {
        FillDevice device = new(8);
        (_, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        byte[] data = new byte[8];
        Array.Fill(data, (byte)0xee);
        transport.Read(offset, data);
        Assert.Equal(new byte[8], data);
        device.Config.Read(offset, data);
        transport.Write(offset, data);
        device.Config.Write(offset, data);
        Assert.Equal(16, device.Config.RefusedWrites);
    }

    [Fact]
    [Trait("Case", "T30")]
    public void What_is_read_only_does_not_change_and_refusals_are_counted_by_byte()
    {
        ConfigSpace config = new(Twelve);
        foreach (int width in new[] { 1, 2, 4, 8 })
        {
            for (int offset = 0; offset < Twelve.Length + 2; offset++) config.Write((ulong)offset, new byte[width]);
        }

        byte[] now = new byte[12];
        config.Read(0, now);
        Assert.Equal(Twelve, now);
        Assert.Equal((1 + 2 + 4 + 8) * 14, config.RefusedWrites);
        Assert.Equal(0u, config.Generation);
    }

    [Theory]
    [InlineData(4, 4, 4), InlineData(4, 8, 4), InlineData(2, 8, 4), InlineData(0, 8, 4), InlineData(6, 4, 2), InlineData(7, 1, 1)]
    [InlineData(4, 1, 1), InlineData(3, 2, 1), InlineData(7, 8, 1), InlineData(8, 4, 0), InlineData(0, 4, 0)]
    [Trait("Case", "T30")]
    public void A_writable_field_takes_its_own_bytes_of_any_write(int offset, int width, int taken)
    {
        ConfigSpace config = new(Twelve);
        List<byte[]> written = [];
        config.AllowWrites(4, 4, value => written.Add(value.ToArray()));
        byte[] data = [.. Enumerable.Range(0xa0, width).Select(b => (byte)b)];
        config.Write((ulong)offset, data);
        byte[] expected = [.. Twelve];
        for (int i = 0; i < width; i++)
        {
            if (offset + i is >= 4 and < 8) expected[offset + i] = data[i];
        }

        byte[] now = new byte[12];
        config.Read(0, now);
        Assert.Equal(expected, now);
        Assert.Equal(width - taken, config.RefusedWrites);
        if (taken == 0) Assert.Empty(written);
        else Assert.Equal(expected[4..8], Assert.Single(written));
    }

    [Fact]
    [Trait("Case", "T30")]
    public void A_field_that_is_not_enabled_at_the_moment_is_read_only()
    {
        ConfigSpace config = new(Twelve);
        bool enabled = false;
        int calls = 0;
        config.AllowWrites(0, 1, _ => calls++, () => enabled);
        config.Write(0, [9]);
        Assert.Equal((0, 1L), (calls, config.RefusedWrites));
        enabled = true;
        config.Write(0, [9]);
        Assert.Equal((1, 1L), (calls, config.RefusedWrites));
    }

    [Fact]
    public void A_field_may_be_longer_than_a_register()
    {
        ConfigSpace config = new(new byte[40]);
        byte[]? seen = null;
        config.AllowWrites(2, 32, value => seen = value.ToArray());
        config.Write(0, [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.Equal([3, 4, 5, 6, 7, 8, .. new byte[26]], seen);
        Assert.Equal(2, config.RefusedWrites);
    }

    [Theory, InlineData(-1, 1), InlineData(0, 0), InlineData(0, -1), InlineData(0, 13), InlineData(12, 1), InlineData(5, int.MaxValue)]
    public void A_writable_field_outside_the_space_is_refused(int offset, int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConfigSpace(Twelve).AllowWrites(offset, length, _ => { }));

    [Theory, InlineData(-1, 1), InlineData(12, 1), InlineData(5, 8), InlineData(int.MaxValue, 1)]
    public void An_update_outside_the_space_is_refused(int offset, int length)
    {
        ConfigSpace config = new(Twelve);
        Assert.Throws<ArgumentOutOfRangeException>(() => config.Update(offset, new byte[length]));
        Assert.Throws<ArgumentOutOfRangeException>(() => config.Set(offset, new byte[length]));
        Assert.Equal(0u, config.Generation);
    }

    [Fact]
    [Trait("Row", "MMIO-07"), Trait("Row", "MMIO-D14"), Trait("Row", "BASE-D05"), Trait("Row", "MMIO-04")]
    public void A_change_by_the_device_moves_the_generation_and_interrupts_a_live_driver()
    {
        FillDevice device = new(8);
        (GuestDriver driver, _, RecordingGic gic) = GuestDriver.Attach(device);
        uint first = driver.ReadRegister(MmioRegister.ConfigGeneration);
        Assert.Equal(first, driver.ReadRegister(MmioRegister.ConfigGeneration));
        device.Config.Update(0, [42]);
        uint second = driver.ReadRegister(MmioRegister.ConfigGeneration);
        Assert.NotEqual(first, second);
        Assert.Equal(0, gic.Pulses(new Slot(0).Interrupt));
        driver.Start();
        device.Config.Update(0, [43]);
        Assert.NotEqual(second, driver.ReadRegister(MmioRegister.ConfigGeneration));
        Assert.Equal(2u, driver.HandleInterrupt());
        Assert.Equal(1, gic.Pulses(new Slot(0).Interrupt));
        second = driver.ReadRegister(MmioRegister.ConfigGeneration);
        device.Config.Set(0, [44]);
        Assert.NotEqual(second, driver.ReadRegister(MmioRegister.ConfigGeneration));
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.InterruptStatus));
        Assert.Equal([44, 2], driver.ReadConfig(0, 2));
    }

    [Fact]
    [Trait("Row", "MMIO-07")]
    public void The_generation_goes_on_after_a_reset()
    {
        FillDevice device = new(8);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        device.Config.Update(0, [42]);
        uint before = driver.ReadRegister(MmioRegister.ConfigGeneration);
        driver.Start();
        driver.Reset();
        Assert.Equal(before, driver.ReadRegister(MmioRegister.ConfigGeneration));
    }

    [Fact]
    [Trait("Row", "MMIO-07")]
    public async Task A_driver_that_watches_the_generation_never_sees_half_of_a_change()
    {
        FillDevice device = new(8);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device);
        using CancellationTokenSource end = new();
        Task changer = Vcpu.Start(() =>
        {
            byte[] value = new byte[8];
            for (ulong i = 0; !end.IsCancellationRequested; i++)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(value, i | (i << 32));
                device.Config.Update(0, value);
                // A device changes its configuration now and then: the driver is allowed to get a look in.
                Thread.SpinWait(200);
                Thread.Yield();
            }
        });
        byte[] read = new byte[8];
        for (int good = 0; good < 20_000;)
        {
            uint before = driver.ReadRegister(MmioRegister.ConfigGeneration);
            transport.Read(MmioRegister.Config, read.AsSpan(0, 4));
            transport.Read(MmioRegister.Config + 4, read.AsSpan(4, 4));
            if (driver.ReadRegister(MmioRegister.ConfigGeneration) != before || before == 0) continue;
            good++;
            Assert.Equal(BitConverter.ToUInt32(read, 0), BitConverter.ToUInt32(read, 4));
        }

        await end.CancelAsync();
        await changer;
    }

    [Fact]
    public void The_initial_bytes_are_copied()
    {
        byte[] bytes = [1, 2];
        ConfigSpace config = new(bytes);
        bytes[0] = 9;
        byte[] now = new byte[2];
        config.Read(0, now);
        Assert.Equal([1, 2], now);
        Assert.Equal(2, config.Length);
        Assert.Equal(0, new ConfigSpace().Length);
    }

    [Fact]
    public void An_answered_field_is_asked_only_by_accesses_of_just_that_field()
    {
        ConfigSpace config = new(Twelve);
        byte value = 0;
        config.AnswerReads(4, 4, bytes => bytes.Fill(++value));
        config.AnswerReads(8, 2, bytes => bytes[1] = 0x77);
        AssertReads(config, 4, [1, 1, 1, 1]);
        AssertReads(config, 4, [2, 2, 2, 2]);
        // What an answer does not fill is zero, not what the vCPU had in its register.
        AssertReads(config, 8, [0, 0x77]);
        AssertReads(config, 4, [5, 6]);
        AssertReads(config, 4, [5, 6, 7, 8, 9, 10, 11, 12]);
        AssertReads(config, 5, [6, 7, 8, 9]);
        AssertReads(config, 0, [1, 2, 3, 4]);
        Assert.Equal(2, value);
    }

    [Theory, InlineData(-1, 1), InlineData(0, 0), InlineData(0, -1), InlineData(0, 13), InlineData(12, 1), InlineData(5, int.MaxValue)]
    public void An_answered_field_outside_the_space_is_refused(int offset, int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConfigSpace(Twelve).AnswerReads(offset, length, _ => { }));

    [Fact]
    public void A_field_that_is_the_whole_space_can_be_written_and_answered()
    {
        ConfigSpace config = new(Twelve);
        config.AllowWrites(0, 12, _ => { });
        config.AnswerReads(0, 12, bytes => bytes[11] = 1);
        config.Write(11, [0x33]);
        AssertReads(config, 11, [0x33]);
        AssertReads(config, 0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        config.Set(0, new byte[12]);
        AssertReads(config, 11, [0]);
    }

    [Fact]
    public void A_field_needs_somebody_to_tell_or_to_ask()
    {
        ConfigSpace config = new(Twelve);
        Assert.Throws<ArgumentNullException>(() => config.AllowWrites(0, 1, null!));
        Assert.Throws<ArgumentNullException>(() => config.AnswerReads(0, 1, null!));
    }

    [Fact]
    [Trait("Case", "T30")]
    public void A_driver_writes_a_field_where_it_reads_it()
    {
        FillDevice device = new(8);
        device.Config.AllowWrites(4, 2, _ => { });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.WriteConfig(4, 0xaa, 0xbb);
        Assert.Equal([4, 0xaa, 0xbb, 7], driver.ReadConfig(3, 4));
        Assert.Equal(0, device.Config.RefusedWrites);
    }

    private static void AssertReads(ConfigSpace config, ulong offset, byte[] expected)
    {
        byte[] got = new byte[expected.Length];
        Array.Fill(got, (byte)0xee);
        config.Read(offset, got);
        Assert.Equal(expected, got);
    }
}
