using Squib.Virtio.Bus;
using Squib.Virtio.Tests.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Bus;

public sealed class MmioBusTests
{
    private readonly MmioBus bus = new();

    [Fact]
    public void An_access_reaches_the_device_that_owns_the_address()
    {
        Recorder low = new();
        Recorder high = new();
        bus.Add(new(0x2000, 0x200), high);
        bus.Add(new(0x1000, 0x1000), low);
        byte[] data = new byte[4];
        bus.Read(0x1ffc, data);
        bus.Write(0x2000, data);
        bus.Write(0x21fc, data);
        Assert.Equal([("read", 0xffcul, 4)], low.Accesses);
        Assert.Equal([("write", 0ul, 4), ("write", 0x1fcul, 4)], high.Accesses);
        Assert.Equal([0xab, 0xab, 0xab, 0xab], data);
        Assert.Equal(0, bus.UnclaimedAccesses);
    }

    [Theory]
    [InlineData(0x0fffUL, 1), InlineData(0x0fffUL, 2), InlineData(0x1fffUL, 2), InlineData(0x1ffdUL, 4), InlineData(0x2000UL, 1)]
    [InlineData(0x0UL, 8), InlineData(ulong.MaxValue, 8), InlineData(0xffff_ffff_ffff_f000UL, 4), InlineData(0x1_0000_1000UL, 4)]
    public void An_access_that_nobody_owns_whole_reads_zero_and_is_counted(ulong address, int width)
    {
        Recorder device = new();
        bus.Add(new(0x1000, 0x1000), device);
        byte[] data = new byte[width];
        Array.Fill(data, (byte)0xff);
        bus.Write(address, data);
        bus.Read(address, data);
        Assert.Equal(new byte[width], data);
        Assert.Empty(device.Accesses);
        Assert.Equal(2, bus.UnclaimedAccesses);
    }

    [Fact]
    public void An_empty_bus_claims_nothing()
    {
        byte[] data = [1];
        bus.Read(0, data);
        Assert.Equal(0, data[0]);
        Assert.Equal(1, bus.UnclaimedAccesses);
    }

    [Theory, InlineData(0x1000, 0x1000), InlineData(0x0fff, 2), InlineData(0x1fff, 1)]
    [InlineData(0, 0x1001), InlineData(0x1800, 8), InlineData(0, 0x10000)]
    public void A_range_that_overlaps_another_is_refused(ulong start, ulong length)
    {
        Recorder device = new();
        bus.Add(new(0x1000, 0x1000), device);
        Assert.Throws<ArgumentException>(() => bus.Add(new(start, length), new Recorder()));
        bus.Read(0x1000, new byte[1]);
        Assert.Single(device.Accesses);
        Assert.Equal(0, bus.UnclaimedAccesses);
    }

    [Fact]
    public void Ranges_that_touch_do_not_overlap()
    {
        bus.Add(new(0x1000, 0x1000), new Recorder());
        bus.Add(new(0x2000, 0x1000), new Recorder());
        bus.Add(new(0x0, 0x1000), new Recorder());
        bus.Add(new(0xffff_ffff_ffff_f000, 0x1000), new Recorder());
        bus.Read(ulong.MaxValue, new byte[1]);
        Assert.Equal(0, bus.UnclaimedAccesses);
    }

    [Fact]
    public void A_range_of_no_length_and_a_missing_device_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new MmioRange(0x1000, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => bus.Add(default, new Recorder()));
        Assert.Throws<ArgumentNullException>(() => bus.Add(new(0, 1), null!));
    }

    [Fact]
    public void A_device_that_is_removed_is_not_reached_any_more_and_leaves_its_place_free()
    {
        Recorder first = new();
        Recorder second = new();
        bus.Add(new(0x1000, 0x1000), first);
        Assert.True(bus.Remove(first));
        Assert.False(bus.Remove(first));
        bus.Read(0x1000, new byte[4]);
        Assert.Equal(1, bus.UnclaimedAccesses);
        bus.Add(new(0x1000, 0x1000), second);
        bus.Read(0x1000, new byte[4]);
        Assert.Single(second.Accesses);
        Assert.Empty(first.Accesses);
    }

    [Fact]
    public async Task Look_ups_go_on_while_devices_come_and_go()
    {
        Recorder steady = new();
        bus.Add(new(0x80_0000, 0x1000), steady);
        using CancellationTokenSource end = new();
        Task changer = Vcpu.Start(() =>
        {
            Recorder[] others = [.. Enumerable.Range(0, 32).Select(_ => new Recorder())];
            while (!end.IsCancellationRequested)
            {
                for (int i = 0; i < others.Length; i++) bus.Add(new((ulong)i * 0x1_0000, 0x1000), others[i]);
                foreach (Recorder other in others) Assert.True(bus.Remove(other));
            }
        });
        byte[] data = new byte[4];
        for (int i = 0; i < 100_000; i++)
        {
            data[0] = 0;
            bus.Read(0x80_0ff0, data);
            Assert.Equal(0xab, data[0]);
        }

        await end.CancelAsync();
        await changer;
        Assert.Equal(0, bus.UnclaimedAccesses);
    }

    [Fact]
    public void Two_threads_may_add_devices_at_once()
    {
        Parallel.For(0, 256, new() { MaxDegreeOfParallelism = 4 }, i => bus.Add(new((ulong)i * 0x1000, 0x1000), new Recorder()));
        for (ulong i = 0; i < 256; i++) bus.Read(i * 0x1000, new byte[1]);
        Assert.Equal(0, bus.UnclaimedAccesses);
    }

    [Theory, InlineData(0UL, 1UL), InlineData(0x1000UL, 0x200UL), InlineData(ulong.MaxValue, 1UL), InlineData(1UL, ulong.MaxValue)]
    public void A_range_knows_its_addresses(ulong start, ulong length)
    {
        MmioRange range = new(start, length);
        Assert.Equal(start + (length - 1), range.Last);
        Assert.True(range.Contains(start));
        Assert.True(range.Contains(range.Last));
        if (start > 0) Assert.False(range.Contains(start - 1));
        if (range.Last < ulong.MaxValue) Assert.False(range.Contains(range.Last + 1));
        Assert.Equal($"0x{start:x}-0x{range.Last:x}", range.ToString());
    }

    [Fact]
    public void A_range_that_runs_past_the_address_space_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new MmioRange(2, ulong.MaxValue));

    private sealed class Recorder : IBusDevice
    {
        private readonly Lock gate = new();

        public List<(string Kind, ulong Offset, int Width)> Accesses { get; } = [];

        public void Read(ulong offset, Span<byte> data)
        {
            data.Fill(0xab);
            lock (gate) Accesses.Add(("read", offset, data.Length));
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data)
        {
            lock (gate) Accesses.Add(("write", offset, data.Length));
        }
    }
}
