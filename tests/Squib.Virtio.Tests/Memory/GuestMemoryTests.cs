using Squib.Virtio.Memory;
using Xunit;

namespace Squib.Virtio.Tests.Memory;

public sealed class GuestMemoryTests
{
    private readonly GuestMemory memory = new(
        new GuestRegion(0x3000, Filled(0x1000, 3)),
        new GuestRegion(0x1000, Filled(0x1000, 1)),
        new GuestRegion(0x2000, Filled(0x1000, 2), readOnly: true),
        new GuestRegion(0x8000, Filled(0x1000, 8)));

    [Fact]
    public void Regions_are_ordered_by_address()
    {
        Assert.Equal([0x1000ul, 0x2000ul, 0x3000ul, 0x8000ul], memory.Regions.Select(region => region.Start));
        Assert.Equal(0x4000, memory.TotalBytes);
    }

    [Theory]
    [InlineData(0x1000, 0x3000, true), InlineData(0x1000, 0x3001, false), InlineData(0x0fff, 1, false), InlineData(0x0fff, 2, false)]
    [InlineData(0x3fff, 1, true), InlineData(0x4000, 1, false), InlineData(0x3fff, 0x4002, false), InlineData(0x8fff, 1, true)]
    [InlineData(0x9000, 0, true), InlineData(0x5555, 0, true), InlineData(0x1000, ulong.MaxValue, false)]
    [InlineData(ulong.MaxValue, 1, false), InlineData(ulong.MaxValue, ulong.MaxValue, false)]
    public void A_range_is_memory_when_all_of_its_bytes_are(ulong address, ulong length, bool expected) =>
        Assert.Equal(expected, memory.Contains(address, length));

    [Theory]
    [InlineData(0x1000, 0x1000, true), InlineData(0x1fff, 2, false), InlineData(0x2000, 1, false), InlineData(0x2fff, 2, false)]
    [InlineData(0x3000, 0x1000, true), InlineData(0x2800, 0, true)]
    public void A_range_is_writable_when_none_of_its_bytes_is_read_only(ulong address, ulong length, bool expected) =>
        Assert.Equal(expected, memory.IsWritable(address, length));

    [Fact]
    public void A_read_runs_across_regions_that_touch()
    {
        byte[] bytes = new byte[0x1004];
        Assert.True(memory.TryRead(0x1ffe, bytes));
        Assert.Equal([1, 1, 2, 2], bytes[..4]);
        Assert.Equal([2, 2, 3, 3], bytes[^4..]);
    }

    [Theory, InlineData(0x3ffe), InlineData(0x0fff), InlineData(0x7fff), InlineData(0x8ffd), InlineData(0xffff_ffff_ffff_fffe)]
    public void A_read_that_touches_a_hole_fails(ulong address) => Assert.False(memory.TryRead(address, new byte[4]));

    [Theory, InlineData(0x3ffe), InlineData(0x0fff), InlineData(0x1ffe), InlineData(0x2000), InlineData(0x2ffe), InlineData(0xffff_ffff_ffff_fffe)]
    public void A_write_that_cannot_be_done_whole_writes_nothing(ulong address)
    {
        byte[][] before = [.. memory.Regions.Select(region => region.Memory.ToArray())];
        Assert.False(memory.TryWrite(address, [9, 9, 9, 9]));
        Assert.Equal(before, memory.Regions.Select(region => region.Memory.ToArray()));
    }

    [Fact]
    public void A_write_runs_across_regions_that_touch()
    {
        GuestMemory two = new(new GuestRegion(0, new byte[8]), new GuestRegion(8, new byte[8]));
        Assert.True(two.TryWrite(6, [1, 2, 3, 4]));
        Assert.Equal([0, 0, 0, 0, 0, 0, 1, 2], two.Regions[0].Memory.ToArray());
        Assert.Equal([3, 4, 0, 0, 0, 0, 0, 0], two.Regions[1].Memory.ToArray());
    }

    [Fact]
    public void A_span_ends_where_its_region_does()
    {
        Assert.True(memory.TryGetSpan(0x1ff0, 0x100, out Span<byte> span));
        Assert.Equal(0x10, span.Length);
        span[0] = 77;
        Assert.True(memory.TryGetSpan(0x1ff0, 1, out span));
        Assert.Equal(77, span[0]);
        Assert.False(memory.TryGetSpan(0x4000, 1, out span));
        Assert.True(span.IsEmpty);
    }

    [Fact]
    public void Regions_that_overlap_are_refused()
    {
        GuestRegion first = new(0x1000, new byte[0x1000]);
        Assert.Throws<ArgumentException>(() => new GuestMemory(first, new GuestRegion(0x1ff8, new byte[8])));
        Assert.Throws<ArgumentException>(() => new GuestMemory(new GuestRegion(0, new byte[0x1001]), first));
        Assert.Throws<ArgumentException>(() => new GuestMemory(first, first));
        Assert.Throws<ArgumentException>(() => new GuestMemory());
        Assert.Throws<ArgumentNullException>(() => new GuestMemory((IEnumerable<GuestRegion>)null!));
    }

    [Fact]
    public void Memory_may_end_with_the_address_space_and_does_not_go_on_at_its_beginning()
    {
        const ulong Top = 0xffff_ffff_ffff_f000;
        GuestMemory ends = new(new GuestRegion(Top, Filled(0x1000, 7)), new GuestRegion(0, Filled(0x1000, 1)));
        byte[] bytes = new byte[0x1000];
        Assert.True(ends.TryRead(Top, bytes));
        Assert.True(ends.Contains(ulong.MaxValue, 1));
        Assert.True(ends.TryWrite(ulong.MaxValue, [5]));
        Assert.False(ends.Contains(ulong.MaxValue, 2));
        Assert.False(ends.IsWritable(Top, 0x1001));
        Assert.False(ends.TryRead(ulong.MaxValue, new byte[2]));
        Assert.False(ends.TryWrite(ulong.MaxValue, [6, 6]));
        Assert.Equal(5, ends.Regions[1].Memory.Span[^1]);
        Assert.Equal(1, ends.Regions[0].Memory.Span[0]);
    }

    [Fact]
    public void Memory_may_be_larger_than_two_gigabytes_in_all()
    {
        // Pages that nobody touches cost nothing.
        const int GiB = 1 << 30;
        GuestMemory large = new(Enumerable.Range(0, 3).Select(
            i => new GuestRegion(0x8000_0000 + ((ulong)i * GiB), GC.AllocateUninitializedArray<byte>(GiB))));
        Assert.Equal(3L * GiB, large.TotalBytes);
        Assert.True(large.Contains(0x8000_0000, 3UL * GiB));
        Assert.False(large.Contains(0x8000_0000, (3UL * GiB) + 1));
        foreach (ulong at in new[] { 0x8000_0000 + (1UL * GiB), 0x8000_0000 + (2UL * GiB) })
        {
            Assert.True(large.TryWrite(at - 3, [1, 2, 3, 4, 5, 6]));
            byte[] bytes = new byte[6];
            Assert.True(large.TryRead(at - 3, bytes));
            Assert.Equal([1, 2, 3, 4, 5, 6], bytes);
        }

        Assert.True(large.TryWrite(0x8000_0000 + (3UL * GiB) - 1, [9]));
        Assert.False(large.TryWrite(0x8000_0000 + (3UL * GiB) - 1, [9, 9]));
    }

    private static byte[] Filled(int length, byte value)
    {
        byte[] bytes = new byte[length];
        Array.Fill(bytes, value);
        return bytes;
    }
}
