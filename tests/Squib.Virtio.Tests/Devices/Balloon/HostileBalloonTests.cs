using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Balloon.BalloonGuest;

namespace Squib.Virtio.Tests.Devices.Balloon;

public sealed class HostileBalloonTests
{
    private readonly BalloonGuest guest = new();

    [Theory]
    [Trait("Case", "L01")]
    [InlineData(1, 0)]
    [InlineData(3, 0)]
    [InlineData(5, 1)]
    [InlineData(4097, 1024)]
    public void L01_A_remainder_is_no_page_number(int bytes, int pages)
    {
        Do(guest.Inflate, [.. Pages(Run(FreePage, 1025))[..bytes]]);
        Assert.Equal(pages * 4096L, guest.Device.InflatedBytes);
        Do(guest.Inflate, Pages(FreePage + 2000));
        Assert.Equal((pages + 1) * 4096L, guest.Device.InflatedBytes);
    }

    [Fact]
    [Trait("Case", "L02")]
    public void L02_Pages_outside_memory_are_counted_and_the_others_served()
    {
        // Beyond RAM, in the hole, the largest number (2^44), below RAM, and the last page of RAM, which is one.
        uint last = FirstPage + (Bytes / 4096) - 1;
        Do(guest.Inflate, Pages(last + 1, 0x8200_0000 / 4096 - 1, uint.MaxValue, 0, last, FreePage));
        Assert.Equal((2 * 4096, 4), (guest.Device.InflatedBytes, guest.Device.Counters.InvalidPages));
        Do(guest.Deflate, Pages(last + 1, uint.MaxValue, last));
        Assert.Equal((4096, 6), (guest.Device.InflatedBytes, guest.Device.Counters.InvalidPages));
        // Memory that nobody takes back is in the balloon all the same.
        Do(guest.Inflate, Pages(0x8200_0000 / 4096));
        Assert.Equal(8192, guest.Device.InflatedBytes);
        Assert.Equal(2, guest.Owner.Discarded.Count);
    }

    [Fact]
    [Trait("Case", "L03")]
    public async Task L03_Four_gigabytes_of_page_numbers_are_served_in_slices_up_to_a_limit()
    {
        // 255 times 8 MiB, each of 2 Mi numbers of the same page: the first half million of slices is enough.
        byte[] numbers = Pages(Enumerable.Repeat(FreePage + 3000, 1 << 10));
        for (int i = 0; i < 2048; i++) numbers.CopyTo(guest.Ram, ((FreePage - FirstPage) * 4096) + (i * 4096));
        DriverSegment[] segments = [.. Enumerable.Repeat(
            new DriverSegment((ulong)FreePage * 4096, 8 << 20, IsWritable: false), 255)];
        guest.Inflate.Add(segments, indirect: true);
        guest.Inflate.Kick();
        // The vCPU is free again before the buffer is done, and the other queues are served.
        Do(guest.Deflate, Pages(FreePage + 1));
        Do(guest.Reports, Writable(FreePage + 3500, 1));
        Assert.Equal(0u, (await ReapAsync(guest.Inflate)).Length);
        Assert.Equal(4096, guest.Device.InflatedBytes);
        Assert.Equal((255L << 21) - (1 << 20), guest.Device.Counters.InvalidPages);
        guest.Inflate.Submit([Pages(FreePage + 3001)]);
        Assert.Equal(0u, (await ReapAsync(guest.Inflate)).Length);
        Assert.Equal(8192, guest.Device.InflatedBytes);
    }

    [Fact]
    [Trait("Case", "L03")]
    public void L03_A_reset_does_not_wait_for_a_million_pages()
    {
        guest.Ram.AsSpan((int)(FreePage - FirstPage) * 4096).Clear();
        DriverSegment[] segments = [.. Enumerable.Repeat(
            new DriverSegment((ulong)FreePage * 4096, 8 << 20, IsWritable: false), 255)];
        for (int i = 0; i < 64; i++) guest.Inflate.Add(segments, indirect: true);
        guest.Inflate.Kick();
        guest.Driver.Reset();
        Assert.Equal(DeviceStatus.None, guest.Driver.Status);
        guest.Driver.Start();
        Do(guest.Inflate, Pages(FreePage));
    }

    [Fact]
    [Trait("Case", "L04")]
    public void L04_Writable_empty_and_cut_up_buffers()
    {
        Do(guest.Inflate, Writable(FreePage, 1));
        Do(guest.Inflate, new DriverSegment((ulong)FreePage * 4096, 0, IsWritable: false));
        Assert.Equal(0, guest.Device.InflatedBytes);
        Assert.Equal(0xaa, guest.FirstByteOf(FreePage));
        byte[] bytes = Pages(Run(FreePage, 7));
        Do(guest.Inflate, [.. Enumerable.Range(0, 8).Select(i => bytes[(i * 28 / 8)..((i + 1) * 28 / 8)])]);
        Assert.Equal(7 * 4096, guest.Device.InflatedBytes);
        Do(guest.Reports, Pages(FreePage));
        Do(guest.Hints, Writable(FreePage, 1));
        Assert.Equal((0, 0), (guest.Device.Counters.ReportedBytes, guest.Device.Counters.HintedBytes));
    }

    [Fact]
    [Trait("Case", "L05")]
    public void L05_A_page_counts_once()
    {
        Do(guest.Deflate, Pages(Run(FreePage, 100)));
        Assert.Equal((0, 0), (guest.Device.InflatedBytes, guest.Device.Counters.DeflatedPages));
        Do(guest.Inflate, Pages(Enumerable.Repeat(FreePage, 1024)));
        Do(guest.Inflate, Pages(Enumerable.Repeat(FreePage, 1024)));
        Assert.Equal(4096, guest.Device.InflatedBytes);
        Assert.Equal([((FreePage - FirstPage) * 4096L, 4096L)], guest.Owner.Discarded);
        Do(guest.Deflate, Pages(Enumerable.Repeat(FreePage, 1024)));
        Do(guest.Deflate, Pages(FreePage));
        Assert.Equal((0, 1), (guest.Device.InflatedBytes, guest.Device.Counters.DeflatedPages));
    }

    [Fact]
    [Trait("Case", "L06")]
    public void L06_The_size_that_the_driver_tells_is_no_larger_than_memory()
    {
        guest.Device.SetTarget(4096);
        guest.Driver.WriteConfig(4, Pages(uint.MaxValue));
        Assert.Equal((Bytes, 0), (guest.Device.ActualBytes, guest.Device.MissingBytes));
        guest.Driver.WriteConfig(4, Pages(3));
        Assert.Equal((3 * 4096, 0), (guest.Device.ActualBytes, guest.Device.MissingBytes));
        guest.Driver.WriteConfig(5, 1);
        Assert.Equal((0x103 * 4096, 0), (guest.Device.ActualBytes, guest.Device.MissingBytes));
        guest.Driver.WriteConfig(4, 0, 0);
        guest.Driver.WriteConfig(6, 0xff, 0xff);
        Assert.Equal((Bytes, 0), (guest.Device.ActualBytes, guest.Device.MissingBytes));
        guest.Driver.WriteConfig(2, 9, 9, 0, 0, 0, 0, 9, 9);
        Assert.Equal((0, 4096), (guest.Device.ActualBytes, guest.Device.MissingBytes));
        Assert.Equal(1u, guest.ReadConfig(0));
    }

    [Fact]
    public void Every_queue_takes_malformed_chains_and_goes_on()
    {
        foreach (DriverQueue queue in guest.Driver.Queues)
        {
            Do(queue, new DriverSegment(0x1000, 64, IsWritable: queue.Index > 2));
            Do(queue, new DriverSegment(Start + Bytes - 8, 64, IsWritable: queue.Index > 2));
        }

        Do(guest.Inflate, Pages(FreePage));
        Assert.Equal(4096, guest.Device.InflatedBytes);
    }

    private static async Task<UsedBuffer> ReapAsync(DriverQueue queue)
    {
        UsedBuffer? used;
        while (!queue.TryReap(out used))
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        return used;
    }
}
