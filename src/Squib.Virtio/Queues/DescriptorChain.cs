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
    internal GuestSegment[] Items = new GuestSegment[4];

    // Readable segments come first; both cursors count from the start of the list.
    internal int ReadableEnd;
    internal int End;
    internal ChainCursor Cursor;
    internal uint ReadLeft;
    internal uint WriteLeft;
    internal uint WriteTotal;
    internal ushort Slots;

    /// <summary>Whose turn it is to use the object.</summary>
    internal ChainOwner Owner;

    private readonly GuestRegion[] regions;
    private int lastRegion;

    internal DescriptorChain(GuestMemory memory) => regions = memory.RegionArray;

    /// <summary>The id by which the driver knows the buffer: the index of the head (split) or the buffer id (packed).</summary>
    public ushort Id { get; internal set; }

    /// <summary>What the driver lends for reading.</summary>
    public ReadableSegments Readable => new(this);

    /// <summary>What the driver lends for writing.</summary>
    public WritableSegments Writable => new(this);

    /// <summary>The next chain in the list of returned ones.</summary>
    internal DescriptorChain? Next { get; set; }

    /// <summary>The next chain in the order in which chains were taken; used with IN_ORDER only.</summary>
    internal DescriptorChain? NextTaken { get; set; }

    /// <summary>Host memory of a segment from an offset on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Span<byte> Slice(in GuestSegment segment, int offset)
    {
        GuestRegion region = regions[segment.Region];
        return region.Slice((int)(segment.Address - region.Start) + offset, segment.Length - offset);
    }

    /// <summary>Host memory of a segment from an offset on, for I/O that outlives the call.</summary>
    internal Memory<byte> SliceMemory(in GuestSegment segment, int offset)
    {
        GuestRegion region = regions[segment.Region];
        return region.Memory.Slice((int)(segment.Address - region.Start) + offset, segment.Length - offset);
    }

    /// <summary>Fills the chain with the only buffer it has, if that lies in the region used last: the commonest case.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TrySetSingle(ulong address, uint length, bool writable)
    {
        GuestRegion region = regions[lastRegion];
        uint room = (uint)region.Length - length;
        // A length of 0, or one beyond the region, makes the first comparison fail.
        if (length - 1 >= (uint)region.Length || address - region.Start > room || (writable && region.ReadOnly)) return false;
        Items[0] = new(address, (int)length, lastRegion);
        End = 1;
        Cursor = default;
        if (writable)
        {
            ReadableEnd = 0;
            ReadLeft = 0;
            WriteLeft = WriteTotal = length;
        }
        else
        {
            ReadableEnd = 1;
            Cursor.WriteIndex = 1;
            ReadLeft = length;
            WriteLeft = WriteTotal = 0;
        }

        return true;
    }

    /// <summary>Makes the chain one without bytes, as which a malformed one is returned.</summary>
    internal void SetEmpty()
    {
        Cursor = default;
        ReadableEnd = End = 0;
        ReadLeft = WriteLeft = WriteTotal = 0;
    }

    /// <summary>Appends a buffer; cuts it where one region of memory ends and the next begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ChainFault Add(ref ChainBuilder builder, ulong address, uint length, bool writable)
    {
        if (writable)
        {
            if (!builder.WritableSeen)
            {
                builder.WritableSeen = true;
                builder.ReadableEnd = builder.Count;
                builder.ReadableBytes = builder.Bytes;
            }
        }
        else if (builder.WritableSeen)
        {
            return ChainFault.ReadableAfterWritable;
        }

        GuestRegion region = regions[lastRegion];
        uint room = (uint)region.Length - length;
        GuestSegment[] items = Items;
        int at = builder.Count;
        if (length - 1 >= (uint)region.Length || address - region.Start > room
            || (writable && region.ReadOnly) || (uint)at >= (uint)items.Length)
        {
            return AddSlowly(ref builder, address, length, writable);
        }

        items[at] = new(address, (int)length, lastRegion);
        builder.Count = at + 1;
        builder.Bytes += length;
        return ChainFault.None;
    }

    /// <summary>Checks the sums and opens the chain for reading and writing.</summary>
    internal ChainFault Finish(in ChainBuilder builder)
    {
        // MUST (2.7.5.2 for drivers): no more than 2^32 bytes; used.len could not even say so.
        if (builder.Bytes - 1 >= uint.MaxValue)
            return builder.Bytes == 0 ? ChainFault.Empty : ChainFault.TooManyBytes;
        int readable = builder.WritableSeen ? builder.ReadableEnd : builder.Count;
        ReadLeft = (uint)(builder.WritableSeen ? builder.ReadableBytes : builder.Bytes);
        WriteLeft = WriteTotal = (uint)builder.Bytes - ReadLeft;
        ReadableEnd = readable;
        End = builder.Count;
        Cursor = default;
        Cursor.WriteIndex = readable;
        return ChainFault.None;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ChainFault AddSlowly(ref ChainBuilder builder, ulong address, uint length, bool writable)
    {
        builder.Bytes += length;
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
            if (builder.Count == Items.Length) Array.Resize(ref Items, builder.Count * 2);
            Items[builder.Count++] = new(address, (int)here, lastRegion);
            length -= here;
            address += here;
        }

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
