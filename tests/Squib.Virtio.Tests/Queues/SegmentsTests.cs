using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>The reader and the writer that a device sees of a chain.</summary>
public sealed class SegmentsTests
{
    public static TheoryData<RingFormat> Formats => RingFormats.All;

    /// <summary>Ways to cut the same 16 + 30 bytes to read and 40 + 1 bytes to write.</summary>
    public static TheoryData<RingFormat, int[], int[]> Cuts
    {
        get
        {
            TheoryData<RingFormat, int[], int[]> data = [];
            foreach (RingFormat format in Enum.GetValues<RingFormat>())
            {
                data.Add(format, [46], [41]);
                data.Add(format, [16, 30], [40, 1]);
                data.Add(format, [.. Enumerable.Repeat(1, 16), 7, 19, 4], [5, 30, 5, 1]);
                data.Add(format, [.. Enumerable.Repeat(1, 46)], [.. Enumerable.Repeat(1, 41)]);
                data.Add(format, [15, 2, 29], [39, 2]);
                data.Add(format, [3, 0, 43], [0, 1, 40, 0]);
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Cuts))]
    [Trait("Case", "Q35"), Trait("Row", "SPLIT-01")]
    public void How_a_request_is_cut_does_not_matter(RingFormat format, int[] readable, int[] writable)
    {
        using Bench bench = new(format, size: 128);
        byte[]? header = null;
        bench.Fill.Serve = chain =>
        {
            header = new byte[16];
            Assert.True(chain.Readable.TryRead(header));
            Assert.True(chain.Writable.TryReserveStatus());
            Assert.Equal(30, chain.Readable.Length);
            Assert.Equal(40, chain.Writable.Length);
            FillDevice.Fill(chain);
            chain.Writable.WriteStatus(0x77);
        };
        byte[] sent = [.. Enumerable.Range(1, 46).Select(i => (byte)i)];
        List<Raw> chain = [];
        ulong at = Bench.R2 - 20;
        int offset = 0;
        foreach (int length in readable)
        {
            bench.Memory.TryWrite(at, sent.AsSpan(offset, length));
            chain.Add(Raw.In(at, (uint)length));
            offset += length;
            at += (ulong)length + 3;
        }

        foreach (int length in writable)
        {
            chain.Add(Raw.Out(at, (uint)length));
            at += (ulong)length + 3;
        }

        ushort id = bench.Offer([.. chain]);
        bench.Ring.Publish();
        bench.Remember();
        bench.Ring.Notify();
        bench.AssertUsed(id, 41);
        Assert.Equal(sent[..16], header);
        byte[] got = [.. chain.Where(d => d.IsWritable).SelectMany(d => Read(bench, d))];
        Assert.Equal([.. sent[16..], .. Enumerable.Repeat(FillDevice.Filler, 10), 0x77], got);
        bench.AssertUntouched();
    }

    [Theory, MemberData(nameof(Formats))]
    public void A_reader_that_asks_for_too_much_gets_nothing(RingFormat format) => Serve(format, [3, 5], [], chain =>
    {
        byte[] nine = new byte[9];
        Assert.False(chain.Readable.TryRead(nine));
        Assert.Equal(new byte[9], nine);
        Assert.Equal(8, chain.Readable.Length);
        Assert.True(chain.Readable.TryRead(nine.AsSpan(0, 2)));
        Assert.False(chain.Readable.TryRead(nine.AsSpan(0, 7)));
        Assert.True(chain.Readable.TryRead(nine.AsSpan(2, 6)));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 0], nine);
        Assert.False(chain.Readable.TryRead(nine.AsSpan(0, 1)));
        Assert.True(chain.Readable.First.IsEmpty);
        Assert.Equal(0, chain.Readable.Count);
    });

    [Theory, MemberData(nameof(Formats))]
    public void What_lies_behind_the_end_of_a_chain_is_not_read_or_written(RingFormat format)
    {
        using Bench bench = new(format);
        // The object of a chain is used again: behind its pieces lie those of a longer one before it.
        ushort id = bench.Offer(
            Raw.In(Bench.Buffer(0), 64), Raw.In(Bench.Buffer(1), 64), Raw.Out(Bench.Buffer(2), 64), Raw.Out(Bench.Buffer(3), 64));
        bench.KickAndExpectServed(id);
        Exception? failure = null;
        bench.Fill.Serve = chain => failure = Record.Exception(() =>
        {
            byte[] bytes = new byte[4];
            Assert.True(chain.Readable.TryRead(bytes));
            Assert.False(chain.Readable.TryRead(bytes));
            Assert.True(chain.Writable.TryWrite(bytes));
            Assert.False(chain.Writable.TryWrite(bytes));
            Assert.Equal(4u, chain.Writable.UsedLength);
        });
        id = bench.Offer(Raw.In(Bench.Buffer(4), 4), Raw.Out(Bench.Buffer(5), 4));
        bench.Ring.Kick();
        Assert.Null(failure);
        bench.AssertUsed(id, 4);
    }

    [Theory, MemberData(nameof(Formats))]
    public void Reading_and_writing_nothing_changes_nothing(RingFormat format) => Serve(format, [3, 5], [4, 2], chain =>
    {
        for (int round = 0; round < 3; round++)
        {
            Assert.True(chain.Readable.TryRead([]));
            Assert.True(chain.Writable.TryWrite([]));
            chain.Readable.Advance(0);
            chain.Writable.Advance(0);
            Assert.Equal((8, 6), (chain.Readable.Length, chain.Writable.Length));
        }

        chain.Readable.Advance(8);
        chain.Writable.Advance(6);
        for (int round = 0; round < 3; round++)
        {
            Assert.True(chain.Readable.TryRead([]));
            Assert.True(chain.Writable.TryWrite([]));
            chain.Readable.Advance(0);
            chain.Writable.Advance(0);
            Assert.Equal((0, 0), (chain.Readable.Count, chain.Writable.Count));
            Assert.Equal(0, chain.Readable.Segments.Length);
            Assert.Equal(0, chain.Writable.Segments.Length);
        }

        Assert.Equal(6u, chain.Writable.UsedLength);
    });

    [Theory, MemberData(nameof(Formats))]
    public void Advancing_past_the_end_is_an_error_of_the_device(RingFormat format) => Serve(format, [3, 5], [4, 2], chain =>
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Readable.Advance(9));
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Readable.Advance(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Writable.Advance(7));
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Writable.Advance(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Writable.Advance(long.MaxValue));
        Assert.Equal((8, 6, 0u), (chain.Readable.Length, chain.Writable.Length, chain.Writable.UsedLength));
    });

    [Theory, MemberData(nameof(Formats))]
    public void The_pieces_follow_the_progress(RingFormat format) => Serve(format, [3, 5], [4, 2, 6], chain =>
    {
        Assert.Equal((2, 3), (chain.Readable.Count, chain.Writable.Count));
        Assert.Equal([1, 2, 3], chain.Readable[0].ToArray());
        Assert.Equal([4, 5, 6, 7, 8], chain.Readable[1].ToArray());
        Assert.Equal(5, chain.Readable.Segments[1].Length);
        chain.Readable.Advance(4);
        Assert.Equal(1, chain.Readable.Count);
        Assert.Equal([5, 6, 7, 8], chain.Readable[0].ToArray());
        Assert.Equal([5, 6, 7, 8], chain.Readable.First.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Readable[1].Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Readable[-1].Length);
        chain.Writable.Advance(5);
        Assert.Equal(2, chain.Writable.Count);
        Assert.Equal((1, 6), (chain.Writable[0].Length, chain.Writable[1].Length));
        Assert.Equal(1, chain.Writable.First.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Writable[2].Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Writable[-1].Length);
        Assert.Equal(5u, chain.Writable.UsedLength);
    });

    [Theory, MemberData(nameof(Formats))]
    public void A_writer_that_has_no_room_for_all_writes_nothing(RingFormat format) => Serve(format, [], [4, 2], chain =>
    {
        Assert.False(chain.Writable.TryWrite(new byte[7]));
        Assert.Equal((6, 0u), (chain.Writable.Length, chain.Writable.UsedLength));
        Assert.True(chain.Writable.TryWrite([1, 2, 3, 4, 5]));
        Assert.False(chain.Writable.TryWrite([6, 7]));
        Assert.Equal((1, 5u), (chain.Writable.Length, chain.Writable.UsedLength));
    });

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "SPLIT-16"), Trait("Row", "SPLIT-17")]
    public void The_status_counts_only_when_nothing_before_it_is_missing(RingFormat format) => Serve(format, [], [4, 2], chain =>
    {
        Assert.True(chain.Writable.TryReserveStatus());
        Assert.False(chain.Writable.TryReserveStatus());
        Assert.Equal((5, 0u), (chain.Writable.Length, chain.Writable.UsedLength));
        Assert.False(chain.Writable.TryWrite(new byte[6]));
        Assert.True(chain.Writable.TryWrite([1, 2, 3]));
        Assert.Equal(3u, chain.Writable.UsedLength);
        chain.Writable.WriteStatus(9);
        Assert.Equal(3u, chain.Writable.UsedLength);
        Assert.True(chain.Writable.TryWrite([4, 5]));
        Assert.Equal(6u, chain.Writable.UsedLength);
        Assert.Equal(0, chain.Writable.Count);
        chain.Writable.WriteStatus(7);
        Assert.Equal(6u, chain.Writable.UsedLength);
    });

    [Theory, MemberData(nameof(Formats))]
    public void The_status_is_no_part_of_the_pieces(RingFormat format)
    {
        Serve(format, [], [4, 3], chain =>
        {
            Assert.True(chain.Writable.TryReserveStatus());
            Assert.Equal((2, 2), (chain.Writable.Count, chain.Writable[1].Length));
            chain.Writable.Advance(5);
            Assert.Equal((1, 1), (chain.Writable.Count, chain.Writable[0].Length));
            Assert.Equal(1, chain.Writable.First.Length);
            chain.Writable.Advance(1);
            Assert.Equal(0, chain.Writable.Count);
            Assert.True(chain.Writable.First.IsEmpty);
        });
        Serve(format, [], [4, 1], chain =>
        {
            Assert.True(chain.Writable.TryReserveStatus());
            Assert.Equal((1, 4), (chain.Writable.Count, chain.Writable[0].Length));
            Assert.Throws<ArgumentOutOfRangeException>(() => chain.Writable[1].Length);
        });
        Serve(format, [], [1], chain =>
        {
            Assert.True(chain.Writable.TryReserveStatus());
            Assert.Equal((0, 0L), (chain.Writable.Count, chain.Writable.Length));
            Assert.Equal(0u, chain.Writable.UsedLength);
            chain.Writable.WriteStatus(1);
            Assert.Equal(1u, chain.Writable.UsedLength);
        });
    }

    [Theory, MemberData(nameof(Formats))]
    public void A_status_may_be_reserved_after_some_bytes_are_written(RingFormat format) => Serve(format, [], [4, 2], chain =>
    {
        Assert.True(chain.Writable.TryWrite([1, 2, 3, 4, 5]));
        Assert.True(chain.Writable.TryReserveStatus());
        Assert.Equal((0, 0L, 5u), (chain.Writable.Count, chain.Writable.Length, chain.Writable.UsedLength));
        chain.Writable.WriteStatus(3);
        Assert.Equal(6u, chain.Writable.UsedLength);
    });

    [Theory, MemberData(nameof(Formats))]
    public void There_is_no_status_without_room_or_reservation(RingFormat format)
    {
        Serve(format, [4], [], chain =>
        {
            Assert.False(chain.Writable.TryReserveStatus());
            InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => chain.Writable.WriteStatus(0));
            Assert.Contains("reserved", error.Message, StringComparison.Ordinal);
        });
        Serve(format, [], [2], chain =>
        {
            Assert.Throws<InvalidOperationException>(() => chain.Writable.WriteStatus(0));
            Assert.True(chain.Writable.TryWrite([1, 2]));
            Assert.False(chain.Writable.TryReserveStatus());
        });
    }

    [Theory, MemberData(nameof(Formats))]
    public void Copies_of_a_view_share_its_progress(RingFormat format) => Serve(format, [4], [4], chain =>
    {
        ReadableSegments a = chain.Readable;
        ReadableSegments b = chain.Readable;
        a.Advance(3);
        Assert.Equal((1, 1), (a.Length, b.Length));
        WritableSegments c = chain.Writable;
        WritableSegments d = chain.Writable;
        Assert.True(c.TryWrite([1]));
        Assert.Equal((3, 3), (c.Length, d.Length));
    });

    [Theory, MemberData(nameof(Formats))]
    public void Pieces_by_index_lie_where_their_addresses_say_in_every_region(RingFormat format)
    {
        using Bench bench = new(format);
        bench.Memory.TryWrite(Bench.R2 - 2, "abcdef"u8);
        bench.Fill.Serve = chain =>
        {
            Assert.Equal((2, 2), (chain.Readable.Count, chain.Writable.Count));
            Assert.Equal("ab"u8, chain.Readable[0].Span);
            Assert.Equal("cdef"u8, chain.Readable[1].Span);
            "wxy"u8.CopyTo(chain.Writable[0].Span);
            "z"u8.CopyTo(chain.Writable[1].Span);
            chain.Writable.Advance(4);
        };
        ushort id = bench.Offer(Raw.In(Bench.R2 - 2, 6), Raw.Out(Bench.R1 + 0x10_0000, 3), Raw.Out(Bench.R2 + 0x800, 1));
        bench.Ring.Publish();
        bench.Remember();
        bench.Ring.Notify();
        bench.AssertUsed(id, 4);
        bench.AssertUntouched();
        byte[] got = new byte[4];
        bench.Memory.TryRead(Bench.R1 + 0x10_0000, got.AsSpan(0, 3));
        bench.Memory.TryRead(Bench.R2 + 0x800, got.AsSpan(3));
        Assert.Equal("wxyz"u8.ToArray(), got);
    }

    [Fact]
    public void A_long_chain_is_read_piece_by_piece_in_every_way()
    {
        Random random = new(3);
        for (int round = 0; round < 300; round++)
        {
            int[] readable = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(1, 50))];
            int[] writable = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(1, 50))];
            Serve(RingFormat.SplitIndirect, readable, writable, chain => ReadInSomeWay(chain, random, readable.Sum(), writable.Sum()));
        }
    }

    private static void ReadInSomeWay(DescriptorChain chain, Random random, int readable, int writable)
    {
        List<byte> got = [];
        while (got.Count < readable)
        {
            int count = random.Next(0, readable - got.Count + 1);
            byte[] bytes = new byte[count];
            switch (random.Next(3))
            {
                case 0:
                    Assert.True(chain.Readable.TryRead(bytes));
                    break;
                case 1:
                    bytes = chain.Readable.First.ToArray();
                    chain.Readable.Advance(bytes.Length);
                    break;
                default:
                    List<byte> all = [];
                    for (int i = 0; i < chain.Readable.Count; i++) all.AddRange(chain.Readable[i].Span);
                    Assert.Equal(readable - got.Count, all.Count);
                    bytes = [.. all.Take(count)];
                    chain.Readable.Advance(count);
                    break;
            }

            got.AddRange(bytes);
        }

        Assert.Equal(Enumerable.Range(1, readable).Select(i => (byte)i), got);
        bool status = random.Next(2) == 0 && chain.Writable.TryReserveStatus();
        int left = writable - (status ? 1 : 0);
        while (left > 0)
        {
            int count = random.Next(0, left + 1);
            if (random.Next(2) == 0) Assert.True(chain.Writable.TryWrite(new byte[count]));
            else chain.Writable.Advance(count);
            left -= count;
            Assert.Equal(left, chain.Writable.Length);
            long listed = 0;
            for (int i = 0; i < chain.Writable.Count; i++) listed += chain.Writable[i].Length;
            Assert.Equal(left, listed);
        }

        if (status) chain.Writable.WriteStatus(1);
        Assert.Equal((uint)writable, chain.Writable.UsedLength);
    }

    private static void Serve(RingFormat format, int[] readable, int[] writable, Action<DescriptorChain> look)
    {
        Exception? failure = null;
        FillDevice device = new(64)
        {
            Serve = chain =>
            {
                // An assertion that fails is the test's, not a failure of the device.
                failure = Record.Exception(() => look(chain));
            },
        };
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, new() { RingPacked = format.IsPacked() }, SmallMemory());
        byte next = 1;
        byte[][] pieces = [.. readable.Select(length => Enumerable.Range(0, length).Select(_ => next++).ToArray())];
        driver.Start()!.Submit(pieces, writable, format.IsIndirect());
        if (failure is not null) throw failure;
        Assert.Equal(1, device.Requests);
    }

    private static Squib.Virtio.Memory.GuestMemory SmallMemory() => new(new Squib.Virtio.Memory.GuestRegion(Bench.R0, new byte[1 << 17]));

    private static byte[] Read(Bench bench, Raw descriptor)
    {
        byte[] bytes = new byte[descriptor.Length];
        Assert.True(bench.Memory.TryRead(descriptor.Address, bytes));
        return bytes;
    }

    [Theory, InlineData(RingFormat.Split), InlineData(RingFormat.Packed)]
    public void Bytes_that_the_first_piece_has_no_room_for_go_on_in_the_next(RingFormat format)
    {
        List<bool> written = [];
        LoopDevice device = new(
            (ref batch, chain) =>
            {
                written.Add(chain.Writable.TryWrite("eleven bytes"u8[..11]));
                written.Add(chain.Writable.TryWrite(new byte[14]));
                batch.Return(chain);
            },
            8,
            8);
        using Bench bench = new(format, device: device);
        ushort id = bench.Offer(Raw.Out(Bench.Buffer(0), 3), Raw.Out(Bench.Buffer(1), 5), Raw.Out(Bench.Buffer(2), 16));
        bench.Ring.Kick();
        Assert.Equal([true, false], written);
        bench.AssertUsed(id, 11);
        Assert.Equal("eleven byte"u8, bench.Read(id, writable: true).AsSpan(0, 11));
    }
}
