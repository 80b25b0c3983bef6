using Squib.Virtio.Devices.Block;
using Squib.Virtio.Testing;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Devices.Block;

/// <summary>Requests as an attacker makes them; every test ends with a request that must succeed.</summary>
public sealed class HostileBlockTests : IAsyncDisposable
{
    private const int Sectors = 2048;
    private readonly SpyBlockBackend backend = new(Sectors * 512);

    public ValueTask DisposeAsync() => backend.DisposeAsync();

    [Theory]
    [Trait("Case", "B01")]
    [InlineData(In, Sectors, 512)]
    [InlineData(Out, Sectors, 512)]
    [InlineData(In, Sectors - 1, 1024)]
    [InlineData(Out, Sectors - 1, 1024)]
    public void B01_A_transfer_past_the_end_is_IOERR(uint type, int sector, int bytes) =>
        AssertRefused(type, (ulong)sector, bytes);

    [Theory]
    [Trait("Case", "B02")]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 55)]
    [InlineData((1UL << 63) / 512)]
    [InlineData(1UL << 63)]
    public void B02_A_sector_whose_offset_overflows_is_IOERR(ulong sector)
    {
        AssertRefused(In, sector, 512);
        AssertRefused(Out, sector, 512);
    }

    [Theory]
    [Trait("Case", "B03")]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(513)]
    public void B03_A_part_of_a_sector_is_IOERR(int bytes)
    {
        AssertRefused(In, 0, bytes);
        AssertRefused(Out, 0, bytes);
    }

    [Theory]
    [Trait("Case", "B04")]
    [InlineData(In)]
    [InlineData(Out)]
    public void B04_A_transfer_of_nothing_succeeds(uint type)
    {
        BlockGuest guest = new(backend);
        BlockAnswer answer = guest.Do(type, 0);
        Assert.Equal((Ok, 1u), (answer.Status, answer.Length));
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "B05")]
    public void B05_A_header_that_is_short_or_writable_is_IOERR_if_there_is_room_to_say_so()
    {
        BlockGuest guest = new(backend);
        guest.Queue.Submit([new byte[15]], [1]);
        Assert.Equal(IoError, guest.Reap().Status);
        guest.Queue.Submit([], [16, 512, 1]);
        Assert.Equal(IoError, guest.Reap().Status);
        guest.Queue.Submit([new byte[15]]);
        Assert.Equal(0u, guest.Reap().Length);
        Assert.Empty(backend.Calls);
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "B06")]
    public void B06_Chains_without_room_for_a_status_are_dropped_and_the_next_is_served()
    {
        BlockGuest guest = new(backend);
        guest.Queue.Add([Header(In, 0)]);
        guest.Queue.Add([Header(Out, 0), new byte[512], new byte[1]]);
        guest.Queue.Add([Header(In, 0)], [0]);
        guest.Queue.Add([Header(In, 0)], [512, 1]);
        guest.Queue.Kick();
        List<BlockAnswer> answers = guest.ReapAll();
        Assert.Equal([0u, 0u, 0u, 513u], answers.Select(a => a.Length));
        Assert.Equal(3, guest.Device.Counters.Malformed);
        Assert.Equal(["read 0+512"], backend.Calls);
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "B07")]
    public void B07_The_status_is_the_last_writable_byte_wherever_the_data_ends()
    {
        Pattern(1024).CopyTo(backend.Bytes, 0);
        BlockGuest guest = new(backend);
        guest.Queue.Submit([Header(In, 0)], [512, 513]);
        BlockAnswer right = guest.Reap();
        Assert.Equal((Ok, 1025u), (right.Status, right.Length));
        Assert.Equal(Pattern(1024), right.Data);
        guest.Queue.Submit([Header(In, 0)], [512, 4096]);
        BlockAnswer wrong = guest.Reap();
        Assert.Equal((IoError, 0u), (wrong.Status, wrong.Length));
        Assert.All(wrong.Data, b => Assert.Equal(0, b));
        guest.AssertHealthy();
    }

    [Theory]
    [Trait("Case", "B10")]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(19, 19)]
    [InlineData(20, 20)]
    [InlineData(21, 20)]
    [InlineData(4096, 20)]
    public void B10_GET_ID_writes_what_there_is_room_for_and_20_bytes_at_most(int room, int expected)
    {
        BlockGuest guest = new(backend, new() { Id = "abcdefghijklmnopqrst" });
        guest.Queue.Submit([Header(GetId, 0)], room == 0 ? [1] : [room, 1]);
        BlockAnswer answer = guest.Reap();
        Assert.Equal(Ok, answer.Status);
        // used.len counts what was filled without a gap from the front; a status byte after a gap is not part of it.
        Assert.Equal((uint)(room > expected ? expected : expected + 1), answer.Length);
        Assert.Equal("abcdefghijklmnopqrst"[..expected], System.Text.Encoding.ASCII.GetString(answer.Data)[..expected]);
        Assert.All(answer.Data[expected..], b => Assert.Equal(0, b));
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "B11")]
    public void B11_Too_many_ranges_or_a_part_of_one_is_IOERR_without_looking_at_them()
    {
        BlockGuest guest = new(backend, new() { MaxRanges = 32 });
        byte[] ranges = [.. Enumerable.Range(0, 33).SelectMany(i => Range((ulong)i, 1))];
        Assert.Equal(IoError, guest.Do(Discard, 0, [ranges]).Status);
        Assert.Equal(IoError, guest.Do(Discard, 0, [new byte[17]]).Status);
        Assert.Equal(IoError, guest.Do(Discard, 0).Status);
        // 16 MiB of ranges in a guest that has not so much: the same 64 KiB over and over.
        ulong block = guest.Driver.Allocate(65_536);
        ulong header = guest.Driver.Allocate(16);
        ulong status = guest.Driver.Allocate(1);
        guest.Driver.Memory.TryWrite(header, Header(Discard, 0));
        IEnumerable<DriverSegment> data = Enumerable.Repeat(new DriverSegment(block, 65_536, false), 250);
        DriverSegment[] segments = [new(header, 16, false), .. data, new(status, 1, true)];
        long before = GC.GetAllocatedBytesForCurrentThread();
        guest.Queue.Add(segments);
        guest.Queue.Kick();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 65_536);
        Assert.Equal(IoError, guest.Reap().Status);
        Assert.Empty(backend.Calls);
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "B12")]
    [Trait("Row", "BLK-08")]
    [Trait("Row", "BLK-09")]
    [Trait("Row", "BLK-11")]
    public void B12_Unknown_flags_are_UNSUPP_and_nothing_is_done()
    {
        BlockGuest guest = new(backend);
        Assert.Equal(Unsupported, guest.Do(Discard, 0, [Range(0, 1, 1)]).Status);
        Assert.Equal(Unsupported, guest.Do(Discard, 0, [Range(0, 1, 0x8000_0000)]).Status);
        Assert.Equal(Unsupported, guest.Do(Discard, 0, [Range(0, 1), Range(1, 1, 1 << 5)]).Status);
        Assert.Equal(Unsupported, guest.Do(WriteZeroes, 0, [Range(0, 1), Range(1, 1, 2)]).Status);
        Assert.Equal(Unsupported, guest.Do(WriteZeroes, 0, [Range(Sectors, 1), Range(1, 1, 2)]).Status);
        Assert.Equal(Unsupported, guest.Do(SecureErase, 0, [Range(0, 1)]).Status);
        Assert.Empty(backend.Calls);
        guest.AssertHealthy();
    }

    [Theory]
    [Trait("Case", "B13")]
    [InlineData(Discard)]
    [InlineData(WriteZeroes)]
    public void B13_Ranges_outside_the_disk_are_IOERR_and_empty_ones_do_nothing(uint type)
    {
        BlockGuest guest = new(backend);
        Assert.Equal(IoError, guest.Do(type, 0, [Range(ulong.MaxValue, 2)]).Status);
        Assert.Equal(IoError, guest.Do(type, 0, [Range(0, uint.MaxValue)]).Status);
        Assert.Equal(IoError, guest.Do(type, 0, [Range(Sectors, 1)]).Status);
        Assert.Equal(IoError, guest.Do(type, 0, [Range(0, 1), Range(Sectors - 1, 2)]).Status);
        Assert.Equal(Ok, guest.Do(type, 0, [Range(0, 0)]).Status);
        Assert.Empty(backend.Calls);
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "B15")]
    public void B15_FLUSH_ignores_sector_and_data_and_needs_its_feature()
    {
        BlockGuest guest = new(backend);
        Assert.Equal(Ok, guest.Do(Flush, 99).Status);
        Assert.Equal(Ok, guest.Do(Flush, 0, [new byte[512]]).Status);
        Assert.Equal(Ok, guest.Do(Flush, 0, writable: [512]).Status);
        Assert.Equal(3, backend.Count("flush"));
        BlockGuest without = new(new SpyBlockBackend(512), wanted: ~(BlockFeature.Flush | BlockFeature.ConfigWce));
        Assert.Equal(Unsupported, without.Do(Flush, 0).Status);
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "B18")]
    public void B18_Data_in_the_wrong_direction_is_IOERR()
    {
        BlockGuest guest = new(backend);
        Assert.Equal(IoError, guest.Do(In, 0, [new byte[512]], [512]).Status);
        Assert.Equal(IoError, guest.Do(Out, 0, [new byte[512]], [512]).Status);
        Assert.Equal(IoError, guest.Do(Out, 0, writable: [512]).Status);
        Assert.Equal(IoError, guest.Do(Discard, 0, [Range(0, 1)], [512]).Status);
        Assert.Empty(backend.Calls);
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "B24")]
    public void B24_The_reserved_field_is_ignored()
    {
        BlockGuest guest = new(backend);
        guest.Queue.Submit([Header(In, 0, reserved: uint.MaxValue)], [512, 1]);
        Assert.Equal(Ok, guest.Reap().Status);
    }

    [Fact]
    public void More_than_the_published_segments_can_hold_is_IOERR()
    {
        BlockGuest guest = new(backend, new() { MaxSegmentBytes = 512, MaxSegments = 4 });
        Assert.Equal(Ok, guest.Do(In, 0, writable: [512, 512, 512, 512]).Status);
        Assert.Equal(IoError, guest.Do(In, 0, writable: [4096]).Status);
    }

    private void AssertRefused(uint type, ulong sector, int bytes)
    {
        BlockGuest guest = new(backend);
        BlockAnswer answer = type == In ? guest.Read(sector, bytes) : guest.Write(sector, new byte[bytes]);
        Assert.Equal(IoError, answer.Status);
        Assert.Empty(backend.Calls);
        Assert.Equal(1, guest.Device.Counters.Failed);
        guest.AssertHealthy();
        backend.Calls.Clear();
    }
}
