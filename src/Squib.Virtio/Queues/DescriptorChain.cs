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

    internal ChainCursor Cursor;
    internal GuestSegment StatusPlace;
    internal ushort Slots;

    /// <summary>What the driver is told (used.len); the status byte counts when no gap lies before it.</summary>
    internal uint UsedLength
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Cursor.Status == StatusByte.Written && Cursor.WriteLeft == 0 ? Cursor.Filled + 1 : Cursor.Filled;
    }

    /// <summary>Whether all that the driver lent for writing has been filled, the status too.</summary>
    internal bool IsFull => Cursor.WriteLeft == 0 && Cursor.Status != StatusByte.Reserved;

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

    /// <summary>Host memory of the first bytes of a segment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Span<byte> Slice(in GuestSegment segment, int length) => regions[segment.Region].At(segment.Address, length);

    /// <summary>Host memory of a segment, for I/O that outlives the call.</summary>
    internal Memory<byte> SliceMemory(in GuestSegment segment)
    {
        GuestRegion region = regions[segment.Region];
        return region.Memory.Slice((int)(segment.Address - region.Start), segment.Length);
    }

    /// <summary>Fills the chain with the only buffer it has, if that lies in the region used last: the commonest case.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TrySetSingle(ulong address, uint length, uint flags)
    {
        GuestRegion region = home;
        if (!Holds(region, address, length)) return false;
        if ((flags & Descriptor.Write) == 0)
        {
            Cursor = ChainCursor.OneReadable;
            Cursor.ReadLeft = length;
        }
        else
        {
            if (region.ReadOnly) return false;
            Cursor = ChainCursor.OneWritable;
            Cursor.WriteLeft = length;
        }

        Items[0] = new(address, (int)length, homeIndex);
        return true;
    }

    /// <summary>Makes the chain one without pieces, as which a malformed one is returned.</summary>
    internal void SetEmpty()
    {
        // A byte that is never filled: with IN_ORDER the driver must not take the chain for one of a run of full ones.
        Open(0, 0, 0, 1);
    }

    /// <summary>Appends a buffer; cuts it where one region of memory ends and the next begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ChainFault Add(ref ChainBuilder builder, ulong address, uint length, uint flags)
    {
        bool writable = (flags & Descriptor.Write) != 0;
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

        builder.Bytes += length;
        GuestSegment[] items = Items;
        GuestRegion region = home;
        int at = builder.Count;
        if ((uint)at < (uint)items.Length && Holds(region, address, length) && !(writable && region.ReadOnly))
        {
            items[at] = new(address, (int)length, homeIndex);
            builder.Count = at + 1;
            return ChainFault.None;
        }

        builder.Count = AddSlowly(at, address, length, writable);
        return builder.Count < 0 ? ChainFault.OutsideMemory : ChainFault.None;
    }

    /// <summary>Checks the sums and opens the chain for reading and writing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ChainFault Finish(ChainBuilder builder)
    {
        // MUST (2.7.5.2 for drivers): no more than 2^32 bytes; used.len could not even say so.
        if (builder.Bytes - 1 >= uint.MaxValue) return builder.Bytes == 0 ? ChainFault.Empty : ChainFault.TooManyBytes;
        uint bytes = (uint)builder.Bytes;
        if (builder.ReadableEnd < 0) Open(builder.Count, builder.Count, bytes, bytes);
        else Open(builder.ReadableEnd, builder.Count, (uint)builder.ReadableBytes, bytes);
        return ChainFault.None;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Open(int readEnd, int end, uint readable, uint bytes)
    {
        Cursor = new() { ReadEnd = readEnd, WriteAt = readEnd, End = end, ReadLeft = readable, WriteLeft = bytes - readable };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Holds(GuestRegion region, ulong address, uint length)
    {
        uint bytes = (uint)region.Length;
        // A length of 0, or one beyond the region, makes the first comparison fail.
        return length - 1 < bytes && address - region.Start <= bytes - length;
    }

    /// <summary>Appends a buffer behind a number of segments.</summary>
    /// <returns>The number of segments then, or -1: some of the buffer is no memory.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int AddSlowly(int count, ulong address, uint length, bool writable)
    {
        if (GuestMemory.Wraps(address, length)) return -1;
        while (length > 0)
        {
            ulong offset = address - home.Start;
            if (offset >= (ulong)home.Length)
            {
                if (!TryMoveHome(address)) return -1;
                continue;
            }

            if (writable && home.ReadOnly) return -1;
            uint here = (uint)Math.Min(length, (ulong)home.Length - offset);
            if (count == Items.Length) Array.Resize(ref Items, count * 2);
            Items[count++] = new(address, (int)here, homeIndex);
            length -= here;
            address += here;
        }

        return count;
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
