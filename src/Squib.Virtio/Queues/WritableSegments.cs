using System.Runtime.CompilerServices;

namespace Squib.Virtio.Queues;

/// <summary>The device-writable bytes of a chain, filled from the front.</summary>
/// <remarks>
/// A view of the chain: copies of it see the same bytes and the same progress. The length that the driver is told (used.len) is counted
/// here: the bytes filled without a gap from the first one on (virtio 1.2, 2.7.8.2).
/// </remarks>
public readonly struct WritableSegments
{
    private readonly DescriptorChain chain;

    internal WritableSegments(DescriptorChain chain) => this.chain = chain;

    /// <summary>The number of bytes not yet filled, without the one that was set aside for the status.</summary>
    public long Length => chain.Cursor.WriteLeft;

    /// <summary>The number of pieces, each in one region of memory, that are not yet filled.</summary>
    public int Count => chain.Cursor.End - chain.Cursor.WriteAt;

    /// <summary>The bytes not yet filled of the current piece; empty when all are filled.</summary>
    public Span<byte> First
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            DescriptorChain c = chain;
            if (c.Cursor.WriteAt == c.Cursor.End) return default;
            ref readonly GuestSegment first = ref c.Items[c.Cursor.WriteAt];
            return c.Slice(first, first.Length);
        }
    }

    /// <summary>The unfilled pieces by guest address, without the byte that was set aside for the status.</summary>
    public ReadOnlySpan<GuestSegment> Segments => chain.Items.AsSpan(chain.Cursor.WriteAt, Count);

    /// <summary>The number of bytes that the driver will be told were written.</summary>
    public uint UsedLength => chain.UsedLength;

    /// <summary>An unfilled piece, for I/O that outlives the call.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public Memory<byte> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return chain.SliceMemory(chain.Items[chain.Cursor.WriteAt + index]);
        }
    }

    /// <summary>Fills exactly as many bytes as the source holds, or none.</summary>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether there was room.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite(ReadOnlySpan<byte> source)
    {
        DescriptorChain c = chain;
        int length = source.Length;
        if (c.Cursor.WriteAt < c.Cursor.End)
        {
            ref GuestSegment first = ref c.Items[c.Cursor.WriteAt];
            if (length <= first.Length)
            {
                source.CopyTo(c.Slice(first, length));
                Consume(c, ref first, length);
                return true;
            }
        }

        return TryWriteAcross(c, source);
    }

    /// <summary>Says that bytes from the front on have been filled.</summary>
    /// <param name="bytes">How many: no more than <see cref="Length"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public void Advance(long bytes)
    {
        DescriptorChain c = chain;
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)bytes, c.Cursor.WriteLeft, nameof(bytes));
        while (bytes > 0)
        {
            ref GuestSegment first = ref c.Items[c.Cursor.WriteAt];
            int here = (int)Math.Min(bytes, first.Length);
            Consume(c, ref first, here);
            bytes -= here;
        }
    }

    /// <summary>Sets the last byte aside, where block requests carry their status; it is no longer part of the data.</summary>
    /// <returns>Whether there is such a byte; false also when one was set aside before.</returns>
    public bool TryReserveStatus()
    {
        DescriptorChain c = chain;
        if (c.Cursor.WriteAt == c.Cursor.End || c.Cursor.Status != StatusByte.None) return false;
        ref GuestSegment last = ref c.Items[c.Cursor.End - 1];
        int before = last.Length - 1;
        c.StatusPlace = last.From(before);
        c.Cursor.Status = StatusByte.Reserved;
        c.Cursor.WriteLeft--;
        if (before == 0) c.Cursor.End--;
        else last = new(last.Address, before, last.Region);
        return true;
    }

    /// <summary>Fills the byte that was set aside.</summary>
    /// <param name="status">The status.</param>
    /// <exception cref="InvalidOperationException">No byte was set aside.</exception>
    public void WriteStatus(byte status)
    {
        DescriptorChain c = chain;
        if (c.Cursor.Status == StatusByte.None) throw new InvalidOperationException("No status byte was reserved.");
        c.Slice(c.StatusPlace, 1)[0] = status;
        c.Cursor.Status = StatusByte.Written;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Consume(DescriptorChain c, ref GuestSegment first, int bytes)
    {
        c.Cursor.WriteLeft -= (uint)bytes;
        c.Cursor.Filled += (uint)bytes;
        if (bytes < first.Length) first = first.From(bytes);
        else c.Cursor.WriteAt++;
    }

    // Static, so that the view itself can stay in a register.
    private static bool TryWriteAcross(DescriptorChain c, ReadOnlySpan<byte> source)
    {
        if (source.Length > c.Cursor.WriteLeft) return false;
        while (!source.IsEmpty)
        {
            ref GuestSegment first = ref c.Items[c.Cursor.WriteAt];
            int here = Math.Min(first.Length, source.Length);
            source[..here].CopyTo(c.Slice(first, here));
            source = source[here..];
            Consume(c, ref first, here);
        }

        return true;
    }
}
