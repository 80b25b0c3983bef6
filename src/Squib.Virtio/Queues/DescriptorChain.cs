using System.Runtime.CompilerServices;
using Squib.Virtio.Memory;

namespace Squib.Virtio.Queues;

/// <summary>One request of the driver: bytes to read, then bytes to write.</summary>
/// <remarks>
/// Descriptors are copied out of guest memory once and resolved at once: the translation is the check, and nothing is read again.
/// Where the driver cut its buffers cannot be seen from here (virtio 1.2, 2.7.4.2). A chain belongs to whoever took it until it is
/// returned to its queue, which uses the object again for another request.
/// </remarks>
public sealed class DescriptorChain
{
    private readonly GuestMemory memory;
    private readonly GuestRegion[] regions;
    private GuestSegment[] segments = new GuestSegment[4];
    private int count;
    private int lastRegion;

    internal DescriptorChain(GuestMemory memory)
    {
        this.memory = memory;
        regions = memory.RegionArray;
        Readable = new(this);
        Writable = new(this);
    }

    /// <summary>The id by which the driver knows the buffer: the index of the head (split) or the buffer id (packed).</summary>
    public ushort Id { get; internal set; }

    /// <summary>What the driver lends for reading.</summary>
    public ReadableSegments Readable { get; }

    /// <summary>What the driver lends for writing.</summary>
    public WritableSegments Writable { get; }

    /// <summary>The number of ring slots that the chain takes up; 1 in a split ring.</summary>
    internal ushort Slots { get; set; }

    /// <summary>The length to report, kept from the moment the chain was returned until it is published.</summary>
    internal uint UsedLength { get; set; }

    /// <summary>The next chain in the one list that the chain is in: returned ones, or (with IN_ORDER) taken ones.</summary>
    internal DescriptorChain? Next { get; set; }

    /// <summary>The next chain in the order in which chains were taken; used with IN_ORDER only.</summary>
    internal DescriptorChain? NextTaken { get; set; }

    /// <summary>Whose turn it is to use the object.</summary>
    internal ChainOwner Owner;

    internal GuestMemory Memory => memory;

    internal ref readonly GuestSegment this[int index] => ref segments[index];

    /// <summary>Host memory of a part of a segment.</summary>
    internal Span<byte> Slice(in GuestSegment segment, int offset)
    {
        GuestRegion region = regions[segment.Region];
        return region.Slice((int)(segment.Address - region.Start) + offset, segment.Length - offset);
    }

    /// <summary>Host memory of a part of a segment, for I/O that outlives the call.</summary>
    internal Memory<byte> SliceMemory(in GuestSegment segment, int offset)
    {
        GuestRegion region = regions[segment.Region];
        return region.Memory.Slice((int)(segment.Address - region.Start) + offset, segment.Length - offset);
    }

    internal ReadOnlySpan<GuestSegment> Segments(int first, int end) => segments.AsSpan(first, end - first);

    /// <summary>Fills the chain with the one buffer it has, the commonest case.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ChainFault SetSingle(ulong address, uint length, bool writable)
    {
        GuestRegion region = regions[lastRegion];
        ulong offset = address - region.Start;
        if (length - 1 < (uint)region.Length && offset <= (ulong)((uint)region.Length - length) && !(writable && region.ReadOnly))
        {
            segments[0] = new(address, (int)length, lastRegion);
            Readable.Reset(0, writable ? 0 : 1, writable ? 0 : length);
            Writable.Reset(0, writable ? 1 : 0, writable ? length : 0);
            return ChainFault.None;
        }

        ChainBuilder builder = default;
        Clear();
        ChainFault fault = Add(ref builder, address, length, writable);
        return fault == ChainFault.None ? Finish(builder) : fault;
    }

    /// <summary>Makes the chain one without bytes, as which a malformed one is returned.</summary>
    internal void SetEmpty()
    {
        Readable.Reset(0, 0, 0);
        Writable.Reset(0, 0, 0);
    }

    internal void Clear() => count = 0;

    /// <summary>Appends a buffer; cuts it where one region of memory ends and the next begins.</summary>
    internal ChainFault Add(ref ChainBuilder builder, ulong address, uint length, bool writable)
    {
        if (builder.WritableSeen && !writable) return ChainFault.ReadableAfterWritable;
        if (writable && !builder.WritableSeen)
        {
            builder.WritableSeen = true;
            builder.ReadableSegments = count;
        }

        if (writable) builder.WritableBytes += length;
        else builder.ReadableBytes += length;
        while (length > 0)
        {
            GuestRegion region = regions[lastRegion];
            ulong offset = address - region.Start;
            if (offset >= (ulong)region.Length)
            {
                if (!TryFindRegion(address)) return ChainFault.OutsideMemory;
                continue;
            }

            if (writable && region.ReadOnly) return ChainFault.OutsideMemory;
            uint here = (uint)Math.Min(length, (ulong)region.Length - offset);
            if (count == segments.Length) Array.Resize(ref segments, count * 2);
            segments[count++] = new(address, (int)here, lastRegion);
            length -= here;
            address += here;
        }

        return ChainFault.None;
    }

    /// <summary>Checks the sums and opens the chain for reading and writing.</summary>
    internal ChainFault Finish(in ChainBuilder builder)
    {
        ulong bytes = builder.ReadableBytes + builder.WritableBytes;
        if (bytes == 0) return ChainFault.Empty;
        // MUST (2.7.5.2 for drivers): no more than 2^32 bytes; used.len could not even say so.
        if (bytes > uint.MaxValue) return ChainFault.TooManyBytes;
        int readable = builder.WritableSeen ? builder.ReadableSegments : count;
        Readable.Reset(0, readable, (long)builder.ReadableBytes);
        Writable.Reset(readable, count, (long)builder.WritableBytes);
        return ChainFault.None;
    }

    private bool TryFindRegion(ulong address)
    {
        for (int i = 0; i < regions.Length; i++)
        {
            if (address - regions[i].Start >= (ulong)regions[i].Length) continue;
            lastRegion = i;
            return true;
        }

        return false;
    }
}
