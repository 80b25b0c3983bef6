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

    // Readable segments come first, up to ReadableEnd; writable ones follow, up to End.
    internal int ReadableEnd;
    internal int End;
    internal ChainCursor Cursor;
    internal uint ReadLeft;
    internal uint WriteLeft;
    internal uint WriteTotal;
    internal StatusByte Status;
    internal ushort Slots;

    /// <summary>Whose turn it is to use the object.</summary>
    internal ChainOwner Owner;

    private readonly GuestRegion[] regions;

    // The region that held the last buffer very likely holds the next one.
    private GuestRegion home;
    private int homeIndex;

    internal DescriptorChain(GuestMemory memory)
    {
        regions = memory.RegionArray;
        home = regions[0];
    }

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
        if (!IsAtHome(address, length, writable)) return false;
        Items[0] = new(address, (int)length, homeIndex);
        Cursor = default;
        Status = StatusByte.None;
        End = 1;
        if (writable)
        {
            ReadableEnd = 0;
            ReadLeft = 0;
            WriteLeft = WriteTotal = length;
        }
        else
        {
            ReadableEnd = 1;
            ReadLeft = length;
            WriteLeft = WriteTotal = 0;
        }

        return true;
    }

    /// <summary>Makes the chain one without pieces, as which a malformed one is returned.</summary>
    internal void SetEmpty()
    {
        Cursor = default;
        Status = StatusByte.None;
        ReadableEnd = End = 0;
        ReadLeft = 0;
        // A byte that is never filled: with IN_ORDER the driver must not take the chain for one of a run of full ones.
        WriteLeft = WriteTotal = 1;
    }

    /// <summary>Appends a buffer; cuts it where one region of memory ends and the next begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ChainFault Add(ref ChainBuilder builder, ulong address, uint length, bool writable)
    {
        if (writable)
        {
            if (builder.ReadableEnd < 0)
            {
                builder.ReadableEnd = builder.Count;
                builder.ReadableBytes = builder.Bytes;
            }
        }
        else if (builder.ReadableEnd >= 0)
        {
            return ChainFault.ReadableAfterWritable;
        }

        GuestSegment[] items = Items;
        int at = builder.Count;
        if ((uint)at < (uint)items.Length && IsAtHome(address, length, writable))
        {
            items[at] = new(address, (int)length, homeIndex);
            builder.Count = at + 1;
            builder.Bytes += length;
            return ChainFault.None;
        }

        // A copy, so that the builder itself can stay in registers.
        ChainBuilder copy = builder;
        ChainFault fault = AddSlowly(ref copy, address, length, writable);
        builder = copy;
        return fault;
    }

    /// <summary>Checks the sums and opens the chain for reading and writing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ChainFault Finish(ChainBuilder builder)
    {
        // MUST (2.7.5.2 for drivers): no more than 2^32 bytes; used.len could not even say so.
        if (builder.Bytes - 1 >= uint.MaxValue) return builder.Bytes == 0 ? ChainFault.Empty : ChainFault.TooManyBytes;
        uint bytes = (uint)builder.Bytes;
        uint readable = builder.ReadableEnd < 0 ? bytes : (uint)builder.ReadableBytes;
        Cursor = default;
        Status = StatusByte.None;
        ReadableEnd = builder.ReadableEnd < 0 ? builder.Count : builder.ReadableEnd;
        End = builder.Count;
        ReadLeft = readable;
        WriteLeft = WriteTotal = bytes - readable;
        return ChainFault.None;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsAtHome(ulong address, uint length, bool writable)
    {
        GuestRegion region = home;
        uint bytes = (uint)region.Length;
        // A length of 0, or one beyond the region, makes the first comparison fail.
        return length - 1 < bytes && address - region.Start <= bytes - length && !(writable && region.ReadOnly);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ChainFault AddSlowly(ref ChainBuilder builder, ulong address, uint length, bool writable)
    {
        if (GuestMemory.Wraps(address, length)) return ChainFault.OutsideMemory;
        builder.Bytes += length;
        while (length > 0)
        {
            ulong offset = address - home.Start;
            if (offset >= (ulong)home.Length)
            {
                if (!TryMoveHome(address)) return ChainFault.OutsideMemory;
                continue;
            }

            if (writable && home.ReadOnly) return ChainFault.OutsideMemory;
            uint here = (uint)Math.Min(length, (ulong)home.Length - offset);
            if (builder.Count == Items.Length) Array.Resize(ref Items, builder.Count * 2);
            Items[builder.Count++] = new(address, (int)here, homeIndex);
            length -= here;
            address += here;
        }

        return ChainFault.None;
    }

    private bool TryMoveHome(ulong address)
    {
        for (int i = 0; i < regions.Length; i++)
        {
            if (address - regions[i].Start >= (ulong)regions[i].Length) continue;
            homeIndex = i;
            home = regions[i];
            return true;
        }

        return false;
    }
}
