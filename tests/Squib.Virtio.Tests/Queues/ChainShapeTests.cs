using Squib.Virtio.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>
/// What a driver may put into a chain and what not; each case in both rings, direct and through a table.
/// </summary>
public sealed class ChainShapeTests
{
    public static TheoryData<RingFormat> Formats => RingFormats.All;

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q04"), Trait("Row", "SPLIT-02"), Trait("Row", "PACKED-09")]
    public void A_chain_of_as_many_descriptors_as_the_queue_has_is_served(RingFormat format)
    {
        using Bench bench = new(format);
        bench.Memory.TryWrite(Bench.Buffer(0), "sixteen bytes...and twenty-seven more bytes"u8);
        ulong b = Bench.Buffer(0);
        ushort id = bench.Offer(
            Raw.In(b, 16), Raw.In(b + 16, 1), Raw.In(b + 17, 26), Raw.Out(Bench.Buffer(1), 7), Raw.Out(Bench.Buffer(2), 4096),
            Raw.Out(Bench.Buffer(3), 1), Raw.Out(Bench.Buffer(4), 512), Raw.Out(Bench.Buffer(5), 1));
        bench.KickAndExpectServed(id);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q15"), Trait("Case", "P13")]
    public void One_empty_descriptor_is_no_request(RingFormat format)
    {
        using Bench bench = new(format);
        bench.KickAndExpectDrop(ChainFault.Empty, bench.Offer(Raw.Out(Bench.Buffer(0), 0)));
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q15"), Trait("Case", "P13")]
    public void Empty_descriptors_between_others_are_passed_over(RingFormat format)
    {
        using Bench bench = new(format);
        bench.Memory.TryWrite(Bench.Buffer(0), "sixteen bytes..."u8);
        bench.KickAndExpectServed(bench.Offer(
            Raw.In(Bench.Buffer(0), 16), Raw.In(Bench.Buffer(1), 0), Raw.Out(Bench.Buffer(2), 512), Raw.Out(0xdead_0000, 0),
            Raw.Out(Bench.Buffer(3), 1)));
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q15"), Trait("Case", "P13")]
    public void A_chain_of_empty_descriptors_is_no_request(RingFormat format)
    {
        using Bench bench = new(format);
        ushort id = bench.Offer(Raw.In(Bench.Buffer(0), 0), Raw.In(Bench.Buffer(1), 0), Raw.Out(Bench.Buffer(2), 0));
        bench.KickAndExpectDrop(ChainFault.Empty, id);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q16"), Trait("Case", "P13")]
    public void A_length_that_is_negative_as_an_int_is_outside_memory(RingFormat format)
    {
        foreach (uint length in new[] { 0xffff_ffffu, 0x8000_0000u, 0x7fff_ffffu })
        {
            foreach (ushort direction in new ushort[] { 0, Raw.Write })
            {
                using Bench bench = new(format);
                ushort id = bench.Offer(Raw.In(Bench.Buffer(0), 16), new Raw(Bench.Buffer(1), length, direction));
                bench.KickAndExpectDrop(ChainFault.OutsideMemory, id);
            }
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q17"), Trait("Case", "P13")]
    public void A_buffer_that_wraps_the_address_space_is_outside_memory(RingFormat format)
    {
        using Bench bench = new(format);
        bench.KickAndExpectDrop(ChainFault.OutsideMemory, bench.Offer(Raw.Out(0xffff_ffff_ffff_f000, 0x2000)));
        bench.KickAndExpectDropAgain(ChainFault.OutsideMemory, bench.Offer(Raw.In(0xffff_ffff_ffff_ffff, 1)), 2);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q18"), Trait("Case", "P13")]
    public void A_buffer_may_end_with_its_region(RingFormat format)
    {
        using Bench bench = new(format);
        bench.KickAndExpectServed(bench.Offer(Raw.Out(Bench.R0 + Bench.R0Length - 512, 512)));
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q18"), Trait("Case", "P13")]
    public void A_buffer_may_not_run_past_its_region(RingFormat format)
    {
        using Bench bench = new(format);
        bench.KickAndExpectDrop(ChainFault.OutsideMemory, bench.Offer(Raw.Out(Bench.R0 + Bench.R0Length - 511, 512)));
        ushort second = bench.Offer(Raw.In(Bench.Buffer(0), 4), Raw.Out(Bench.R0 + Bench.R0Length - 511, 512));
        bench.KickAndExpectDropAgain(ChainFault.OutsideMemory, second, 2);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q19"), Trait("Case", "P13")]
    public void A_buffer_may_not_span_a_hole(RingFormat format)
    {
        using Bench bench = new(format);
        uint length = (uint)(Bench.R1 - Bench.R0 - Bench.R0Length) + 16;
        bench.KickAndExpectDrop(ChainFault.OutsideMemory, bench.Offer(Raw.Out(Bench.R0 + Bench.R0Length - 8, length)));
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q19"), Trait("Case", "P13")]
    public void A_buffer_may_span_regions_that_touch(RingFormat format)
    {
        using Bench bench = new(format);
        bench.Memory.TryWrite(Bench.R2 - 5, "five and eleven!"u8);
        ushort id = bench.Offer(Raw.In(Bench.R2 - 5, 16), Raw.Out(Bench.R2 - 700, 690), Raw.Out(Bench.R2 + 11, 4000));
        bench.KickAndExpectServed(id);
        bench.KickAndExpectServed(bench.Offer(Raw.In(Bench.R2 - 5, 16), Raw.Out(Bench.R2 - 100, 400)));
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q20"), Trait("Case", "P13")]
    public void A_chain_of_more_than_four_gigabytes_is_refused(RingFormat format)
    {
        foreach (ushort direction in new ushort[] { 0, Raw.Write })
        {
            using Bench bench = new(format, size: 1024);
            Raw[] chain = [.. Enumerable.Repeat(new Raw(Bench.R0, Bench.R0Length, direction), 1024)];
            bench.KickAndExpectDrop(ChainFault.TooManyBytes, bench.Offer(chain), ringIsFull: true);
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q20")]
    public void A_chain_of_exactly_four_gigabytes_is_refused(RingFormat format)
    {
        using Bench bench = new(format, size: 256);
        Raw[] chain = [.. Enumerable.Repeat(Raw.In(Bench.R0, Bench.R0Length), 256)];
        bench.KickAndExpectDrop(ChainFault.TooManyBytes, bench.Offer(chain), ringIsFull: true);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q20")]
    public void A_chain_of_one_byte_less_than_four_gigabytes_is_served(RingFormat format)
    {
        using Bench bench = new(format, size: 256);
        long seen = 0;
        bench.Fill.Serve = chain => seen = chain.Readable.Length;
        Raw[] chain = [.. Enumerable.Repeat(Raw.In(Bench.R0, Bench.R0Length), 255), Raw.In(Bench.R0, Bench.R0Length - 1)];
        ushort id = bench.Offer(chain);
        bench.Ring.Kick();
        bench.AssertUsed(id, 0);
        Assert.Equal(0xffff_ffff, seen);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q22"), Trait("Row", "SPLIT-03"), Trait("Row", "PACKED-04")]
    public void A_readable_descriptor_after_a_writable_one_is_refused(RingFormat format)
    {
        using Bench bench = new(format);
        ushort id = bench.Offer(Raw.Out(Bench.Buffer(0), 64), Raw.In(Bench.Buffer(1), 64));
        bench.KickAndExpectDrop(ChainFault.ReadableAfterWritable, id);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q23")]
    public void Undefined_flags_change_nothing(RingFormat format)
    {
        using Bench bench = new(format);
        // In a packed ring two of these bits say whether the descriptor is available.
        ushort undefined = (ushort)(0xfff8 & (format == RingFormat.Packed ? ~(Raw.Avail | Raw.Used) : 0xffff));
        ushort id = bench.Offer(
            new Raw(Bench.Buffer(0), 16, undefined),
            new Raw(Bench.Buffer(1), 100, (ushort)(undefined | Raw.Write)));
        bench.KickAndExpectServed(id);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q24")]
    public void Read_only_memory_can_be_read_and_not_written(RingFormat format)
    {
        using Bench bench = new(format);
        "in read-only mem"u8.CopyTo(bench.RomBytes[0x800..]);
        bench.KickAndExpectServed(bench.Offer(Raw.In(Bench.Rom + 0x800, 16), Raw.Out(Bench.Buffer(0), 16)));
        bench.KickAndExpectDrop(ChainFault.OutsideMemory, bench.Offer(Raw.Out(Bench.Rom + 0x800, 16)));
        ushort id = bench.Offer(Raw.In(Bench.Buffer(0), 16), Raw.Out(Bench.Rom + 0x800, 16));
        bench.KickAndExpectDropAgain(ChainFault.OutsideMemory, id, 2);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "SPLIT-04"), Trait("Row", "SPLIT-05"), Trait("Row", "PACKED-05")]
    public void What_lies_in_writable_buffers_does_not_matter(RingFormat format)
    {
        using Bench bench = new(format);
        byte[] poison = new byte[256];
        Array.Fill(poison, (byte)0x99);
        bench.Memory.TryWrite(Bench.Buffer(1), poison);
        bench.KickAndExpectServed(bench.Offer(Raw.In(Bench.Buffer(0), 16), Raw.Out(Bench.Buffer(1), 256)));
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "SPLIT-03"), Trait("Row", "PACKED-04")]
    public void A_chain_without_writable_bytes_is_only_read(RingFormat format)
    {
        using Bench bench = new(format);
        bench.KickAndExpectServed(bench.Offer(Raw.In(Bench.Buffer(0), 16), Raw.In(Bench.Buffer(1), 256)));
    }
}
