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
    public long Length => chain.WriteLeft;

    /// <summary>The number of pieces, each in one region of memory, that are not yet filled.</summary>
    public int Count => chain.WriteLeft == 0 ? 0 : Left - (StatusIsAlone ? 1 : 0);

    /// <summary>The bytes not yet filled of the current piece; empty when all are filled.</summary>
    public Span<byte> First
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            DescriptorChain c = chain;
            if (c.WriteLeft == 0) return default;
            Span<byte> piece = c.Slice(c.Items[c.ReadableEnd + c.Cursor.WriteIndex], c.Cursor.WriteOffset);
            // The last piece may end in the status byte.
            return (uint)piece.Length <= c.WriteLeft ? piece : piece[..(int)c.WriteLeft];
        }
    }

    /// <summary>The unfilled pieces by guest address; the first may be filled in part, the last may end in the status byte.</summary>
    public ReadOnlySpan<GuestSegment> Segments => chain.Items.AsSpan(chain.End - Left, Left);

    /// <summary>The number of bytes that the driver will be told were written.</summary>
    public uint UsedLength
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            DescriptorChain c = chain;
            uint filled = c.WriteTotal - c.WriteLeft;
            if (c.Status == StatusByte.None) return filled;
            // The status byte counts when no gap lies before it.
            return c.Status == StatusByte.Written && c.WriteLeft == 0 ? filled : filled - 1;
        }
    }

    private int Left => chain.End - chain.ReadableEnd - chain.Cursor.WriteIndex;

    private bool StatusIsAlone => chain.Status != StatusByte.None && chain.Items[chain.End - 1].Length == 1;

    /// <summary>An unfilled piece, for I/O that outlives the call.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public Memory<byte> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            int at = chain.End - Left + index;
            Memory<byte> piece = chain.SliceMemory(chain.Items[at], index == 0 ? chain.Cursor.WriteOffset : 0);
            bool endsInStatus = at == chain.End - 1 && chain.Status != StatusByte.None;
            return endsInStatus ? piece[..^1] : piece;
        }
    }

    /// <summary>Fills exactly as many bytes as the source holds, or none.</summary>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether there was room.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite(ReadOnlySpan<byte> source)
    {
        Span<byte> first = First;
        if (first.Length < source.Length) return TryWriteAcross(source);
        source.CopyTo(first);
        AdvanceInFirst(first.Length, source.Length);
        return true;
    }

    /// <summary>Says that bytes from the front on have been filled.</summary>
    /// <param name="bytes">How many: no more than <see cref="Length"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public void Advance(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)bytes, chain.WriteLeft, nameof(bytes));
        while (bytes > 0)
        {
            int here = chain.Items[chain.End - Left].Length - chain.Cursor.WriteOffset;
            int now = (int)Math.Min(bytes, here);
            AdvanceInFirst(here, now);
            bytes -= now;
        }
    }

    /// <summary>Sets the last byte aside, where block requests carry their status; it is no longer part of the data.</summary>
    /// <returns>Whether there is such a byte; false also when one was set aside before.</returns>
    public bool TryReserveStatus()
    {
        if (chain.WriteLeft == 0 || chain.Status != StatusByte.None) return false;
        chain.WriteLeft--;
        chain.Status = StatusByte.Reserved;
        return true;
    }

    /// <summary>Fills the byte that was set aside.</summary>
    /// <param name="status">The status.</param>
    /// <exception cref="InvalidOperationException">No byte was set aside.</exception>
    public void WriteStatus(byte status)
    {
        DescriptorChain c = chain;
        if (c.Status == StatusByte.None) throw new InvalidOperationException("No status byte was reserved.");
        ref readonly GuestSegment last = ref c.Items[c.End - 1];
        c.Slice(last, last.Length - 1)[0] = status;
        c.Status = StatusByte.Written;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AdvanceInFirst(int length, int bytes)
    {
        DescriptorChain c = chain;
        c.WriteLeft -= (uint)bytes;
        if (bytes < length)
        {
            c.Cursor.WriteOffset += bytes;
        }
        else if (bytes > 0)
        {
            c.Cursor.WriteOffset = 0;
            c.Cursor.WriteIndex++;
        }
    }

    private bool TryWriteAcross(ReadOnlySpan<byte> source)
    {
        if (source.Length > chain.WriteLeft) return false;
        while (!source.IsEmpty)
        {
            Span<byte> first = First;
            int here = Math.Min(first.Length, source.Length);
            source[..here].CopyTo(first);
            source = source[here..];
            AdvanceInFirst(first.Length, here);
        }

        return true;
    }
}
