using Squib.Virtio.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Tables of descriptors, good and bad, in both rings.</summary>
public sealed class IndirectTableTests
{
    public static TheoryData<RingFormat> Formats => RingFormats.Direct;

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I01"), Trait("Case", "P08")]
    public void A_table_without_the_feature_is_refused(RingFormat format)
    {
        using Bench bench = new(format, options: new() { IndirectDescriptors = false });
        ushort id = bench.Ring.PostIndirect(Bench.Table(0), Raw.Out(Bench.Buffer(0), 16));
        bench.KickAndExpectDrop(ChainFault.BadIndirect, id);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I02"), Trait("Case", "I03")]
    public void A_table_of_no_whole_number_of_entries_is_refused(RingFormat format)
    {
        foreach (uint length in new uint[] { 0, 1, 8, 15, 17, (16 * 3) + 1 })
        {
            using Bench bench = new(format);
            bench.Ring.WriteTable(Bench.Table(0), Raw.Out(Bench.Buffer(0), 16), Raw.Out(Bench.Buffer(1), 16));
            bench.KickAndExpectDrop(ChainFault.BadIndirect, bench.Ring.Post(new Raw(Bench.Table(0), length, Raw.Indirect)));
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I04")]
    public void A_table_that_is_too_long_is_refused_without_reading_it(RingFormat format)
    {
        foreach (uint length in new uint[] { 0xffff_fff0, 16 * 65537, 16 * 1025, 0x8000_0000 })
        {
            using Bench bench = new(format);
            bench.Ring.WriteTable(Bench.Table(0), Raw.Out(Bench.Buffer(0), 16));
            ushort id = bench.Ring.Post(new Raw(Bench.Table(0), length, Raw.Indirect));
            long before = GC.GetAllocatedBytesForCurrentThread();
            bench.Ring.Kick();
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4096);
            bench.AssertUsed(id, 0);
            bench.AssertFaults(ChainFault.BadIndirect, 1);
            bench.AssertHealthy();
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I05"), Trait("Case", "P08")]
    public void A_table_in_a_table_is_refused(RingFormat format)
    {
        using Bench bench = new(format);
        bench.Ring.WriteTable(Bench.Table(1), Raw.Out(Bench.Buffer(0), 16));
        ushort id = bench.Ring.PostIndirect(
            Bench.Table(0), Raw.In(Bench.Buffer(1), 16), new Raw(Bench.Table(1), 16, Raw.Indirect));
        bench.KickAndExpectDrop(ChainFault.BadIndirect, id);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I06"), Trait("Case", "P08")]
    public void A_table_with_a_next_descriptor_is_refused(RingFormat format)
    {
        using Bench bench = new(format);
        bench.Ring.WriteTable(Bench.Table(0), Raw.Out(Bench.Buffer(0), 16));
        // Post adds NEXT to all but the last descriptor.
        ushort id = bench.Ring.Post(new Raw(Bench.Table(0), 16, Raw.Indirect), Raw.Out(Bench.Buffer(1), 16));
        bench.KickAndExpectDrop(ChainFault.BadIndirect, id);
    }

    [Theory, InlineData(2), InlineData(3), InlineData(0xffff)]
    [Trait("Case", "I07")]
    public void A_next_entry_outside_a_split_table_is_refused(ushort next)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Ring.WriteDescriptor(Bench.Table(0), 0, Bench.Buffer(0), 16, Raw.Next, next);
        ushort id = bench.Ring.Post(new Raw(Bench.Table(0), 32, Raw.Indirect));
        bench.KickAndExpectDrop(ChainFault.NextOutOfRange, id);
    }

    [Theory, InlineData(0), InlineData(1)]
    [Trait("Case", "I07")]
    public void A_loop_in_a_split_table_is_refused(ushort second)
    {
        using Bench bench = new(RingFormat.Split);
        bench.Ring.WriteDescriptor(Bench.Table(0), 0, Bench.Buffer(0), 16, Raw.Next, second);
        bench.Ring.WriteDescriptor(Bench.Table(0), 1, Bench.Buffer(1), 16, Raw.Next, 0);
        ushort id = bench.Ring.Post(new Raw(Bench.Table(0), 32, Raw.Indirect));
        bench.KickAndExpectDrop(ChainFault.TooLong, id);
    }

    [Fact]
    [Trait("Case", "I07")]
    public void A_loop_in_a_split_table_ends_before_its_first_entry_is_read_again()
    {
        using Bench bench = new(RingFormat.Split);
        bench.Ring.WriteDescriptor(Bench.Table(0), 0, Bench.Buffer(0), 16, Raw.Next, 1);
        bench.Ring.WriteDescriptor(Bench.Table(0), 1, Bench.Buffer(1), 16, Raw.Next | Raw.Write, 0);
        ushort id = bench.Ring.Post(new Raw(Bench.Table(0), 32, Raw.Indirect));
        // Read once more it would be a readable entry after a writable one.
        bench.KickAndExpectDrop(ChainFault.TooLong, id);
    }

    [Fact]
    [Trait("Case", "I07"), Trait("Row", "PACKED-D07")]
    public void Stray_flags_and_ids_in_a_packed_table_do_not_matter()
    {
        using Bench bench = new(RingFormat.Packed);
        bench.Memory.TryWrite(Bench.Buffer(0), "sixteen bytes..."u8);
        ushort stray = Raw.Next | Raw.Avail | Raw.Used | 0x7f78;
        Raw[] entries = [new Raw(Bench.Buffer(0), 16, stray), new Raw(Bench.Buffer(1), 20, (ushort)(stray | Raw.Write))];
        ushort id = bench.Ring.PostIndirect(Bench.Table(0), entries);
        bench.Allow(id, entries);
        bench.KickAndExpectServed(id);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I08")]
    public void A_table_outside_memory_is_refused(RingFormat format)
    {
        ulong endOfR0 = Bench.R0 + Bench.R0Length;
        foreach (ulong at in new[] { endOfR0 - 16, endOfR0 - 24, endOfR0, 0ul, 0xffff_ffff_ffff_fff0, Bench.R2 + Bench.R2Length - 16 })
        {
            using Bench bench = new(format);
            ushort id = bench.Ring.Post(new Raw(at, 32, Raw.Indirect));
            bench.KickAndExpectDrop(ChainFault.OutsideMemory, id);
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I08")]
    public void A_table_may_run_from_one_region_into_the_next(RingFormat format)
    {
        foreach (int before in new[] { 8, 16, 20, 33 })
        {
            using Bench bench = new(format);
            Raw[] entries = [Raw.In(Bench.Buffer(0), 16), Raw.In(Bench.Buffer(1), 4), Raw.Out(Bench.Buffer(2), 64)];
            ushort id = bench.Ring.PostIndirect(Bench.R2 - (ulong)before, entries);
            bench.Allow(id, entries);
            bench.KickAndExpectServed(id);
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I09"), Trait("Row", "SPLIT-07")]
    public void The_write_flag_of_a_descriptor_that_refers_to_a_table_is_ignored(RingFormat format)
    {
        using Bench bench = new(format);
        Raw[] entries = [Raw.In(Bench.Buffer(0), 16), Raw.Out(Bench.Buffer(1), 64)];
        bench.Ring.WriteTable(Bench.Table(0), entries);
        ushort id = bench.Ring.Post(new Raw(Bench.Table(0), 32, Raw.Indirect | Raw.Write));
        bench.Allow(id, entries);
        bench.KickAndExpectServed(id);
    }

    [Fact]
    [Trait("Case", "I10"), Trait("Row", "SPLIT-08")]
    public void Split_descriptors_may_end_in_a_table()
    {
        using Bench bench = new(RingFormat.Split);
        bench.Memory.TryWrite(Bench.Buffer(0), "sixteen bytes..."u8);
        Raw[] entries = [Raw.In(Bench.Buffer(2), 8), Raw.Out(Bench.Buffer(3), 64)];
        bench.Ring.WriteTable(Bench.Table(0), entries);
        ushort id = bench.Ring.Post(
            Raw.In(Bench.Buffer(0), 16), Raw.In(Bench.Buffer(1), 4), new Raw(Bench.Table(0), 32, Raw.Indirect));
        bench.Allow(id, Raw.In(Bench.Buffer(0), 16), Raw.In(Bench.Buffer(1), 4), entries[0], entries[1]);
        bench.KickAndExpectServed(id);
    }

    [Fact]
    [Trait("Case", "I10")]
    public void Packed_descriptors_may_not_end_in_a_table()
    {
        using Bench bench = new(RingFormat.Packed);
        bench.Ring.WriteTable(Bench.Table(0), Raw.Out(Bench.Buffer(3), 64));
        ushort id = bench.Ring.Post(Raw.In(Bench.Buffer(0), 16), new Raw(Bench.Table(0), 16, Raw.Indirect));
        bench.KickAndExpectDrop(ChainFault.BadIndirect, id);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "I15")]
    public void A_table_may_lie_at_any_address(RingFormat format)
    {
        foreach (ulong offset in new ulong[] { 1, 2, 7, 9, 15 })
        {
            using Bench bench = new(format);
            Raw[] entries = [Raw.In(Bench.Buffer(0), 16), Raw.Out(Bench.Buffer(1), 64)];
            ushort id = bench.Ring.PostIndirect(Bench.Table(0) + offset, entries);
            bench.Allow(id, entries);
            bench.KickAndExpectServed(id);
        }
    }

    [Theory]
    [InlineData(RingFormat.Split, 1), InlineData(RingFormat.Split, 2), InlineData(RingFormat.Split, 128), InlineData(RingFormat.Split, 1024)]
    [InlineData(RingFormat.Packed, 1), InlineData(RingFormat.Packed, 2), InlineData(RingFormat.Packed, 128), InlineData(RingFormat.Packed, 1024)]
    [Trait("Row", "SPLIT-D04")]
    public void A_table_may_be_longer_than_the_queue(RingFormat format, int entries)
    {
        using Bench bench = new(format);
        Raw[] chain = [.. Enumerable.Range(0, entries).Select(i => Raw.Out(Bench.Buffer(0) + (ulong)(3 * i), 3))];
        ushort id = bench.Ring.PostIndirect(Bench.Table(0), chain);
        bench.Allow(id, chain);
        bench.KickAndExpectServed(id);
    }
}
