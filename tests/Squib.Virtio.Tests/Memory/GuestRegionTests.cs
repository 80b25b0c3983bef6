using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Tests.Memory;

public sealed class GuestRegionTests
{
    [Fact]
    public void A_region_borrows_its_memory()
    {
        byte[] array = new byte[64];
        GuestRegion region = new(0x1000, array.AsMemory(8, 32));
        Assert.Equal((0x1000ul, 32, false), (region.Start, region.Length, region.ReadOnly));
        region.Slice(0, 1)[0] = 1;
        region.Slice(31, 1)[0] = 2;
        Assert.Equal(1, array[8]);
        Assert.Equal(2, array[39]);
        Assert.Throws<ArgumentOutOfRangeException>(() => region.Slice(33, 32).Length);
    }

    [Fact]
    public void A_region_may_lie_in_memory_that_is_no_array()
    {
        WatchedMemory host = new(64);
        GuestRegion region = new(0x1000, host.Memory.Slice(8, 32), readOnly: true);
        Assert.True(region.ReadOnly);
        region.Slice(0, 1)[0] = 1;
        region.Slice(31, 1)[0] = 2;
        Assert.Equal(1, host.Bytes[8]);
        Assert.Equal(2, host.Bytes[39]);
        Assert.True(host.GuardsAreIntact);
    }

    [Fact]
    public void A_region_that_cannot_be_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new GuestRegion(0, Memory<byte>.Empty));
        Assert.Throws<ArgumentException>(() => new GuestRegion(4, new byte[8]));
        Assert.Throws<ArgumentException>(() => new GuestRegion(0xffff_ffff_ffff_fff8, new byte[9]));
        Assert.Equal(8, new GuestRegion(0xffff_ffff_ffff_fff8, new byte[8]).Length);
    }
}
