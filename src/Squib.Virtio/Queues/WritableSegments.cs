using System.Collections;
using System.Runtime.CompilerServices;

namespace Squib.Virtio.Queues;

/// <summary>The device-writable bytes of a chain, filled from the front.</summary>
/// <remarks>
/// As a list it holds what has not been filled, in pieces that lie in one region of memory each. The length that the driver is told
/// (used.len) is counted here: the bytes filled without a gap from the first one on (virtio 1.2, 2.7.8.2).
/// </remarks>
public sealed class WritableSegments : IReadOnlyList<Memory<byte>>
{
    private readonly DescriptorChain chain;
    private int index;
    private int end;
    private int offset;
    private long remaining;
    private uint total;
    private Tail tail;
    private bool tailSharesLastPiece;

    internal WritableSegments(DescriptorChain chain) => this.chain = chain;

    private enum Tail : byte
    {
        None,
        Reserved,
        Written,
    }

    /// <summary>The number of bytes not yet filled, without a byte that was set aside for the status.</summary>
    public long Length => remaining;

    /// <summary>The number of pieces not yet filled.</summary>
    public int Count => remaining == 0 ? 0 : end - index;

    /// <summary>The bytes not yet filled of the current piece; empty when all are filled.</summary>
    public Span<byte> First
    {
        get
        {
            if (remaining == 0) return default;
            Span<byte> piece = chain.Slice(chain[index], offset);
            return piece.Length <= remaining ? piece : piece[..(int)remaining];
        }
    }

    /// <summary>The unfilled pieces by guest address; the first may be filled in part, the last hold the status byte.</summary>
    public ReadOnlySpan<GuestSegment> Segments => chain.Segments(index, end);

    /// <summary>The number of bytes that the driver will be told were written.</summary>
    public uint UsedLength
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => tail == Tail.None || (tail == Tail.Written && remaining == 0)
            ? total - (uint)remaining
            : total - 1 - (uint)remaining;
    }

    /// <summary>The number of bytes that the driver lent for writing.</summary>
    internal uint Total => total;

    /// <summary>An unfilled piece.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public Memory<byte> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            Memory<byte> piece = chain.SliceMemory(chain[this.index + index], index == 0 ? offset : 0);
            bool holdsTail = tail != Tail.None && tailSharesLastPiece && this.index + index == end - 1;
            return holdsTail ? piece[..^1] : piece;
        }
    }

    /// <summary>Fills exactly as many bytes as the source holds, or none.</summary>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether there was room.</returns>
    public bool TryWrite(ReadOnlySpan<byte> source)
    {
        if (source.Length > remaining) return false;
        while (!source.IsEmpty)
        {
            Span<byte> first = First;
            int here = Math.Min(first.Length, source.Length);
            source[..here].CopyTo(first);
            source = source[here..];
            Advance(here);
        }

        return true;
    }

    /// <summary>Says that bytes from the front on have been filled.</summary>
    /// <param name="bytes">How many: no more than <see cref="Length"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public void Advance(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)bytes, (ulong)remaining, nameof(bytes));
        remaining -= bytes;
        while (bytes > 0)
        {
            int here = chain[index].Length - offset;
            if (bytes < here)
            {
                offset += (int)bytes;
                return;
            }

            bytes -= here;
            index++;
            offset = 0;
        }
    }

    /// <summary>Sets the last byte aside, where block requests carry their status; it is no longer part of the list.</summary>
    /// <returns>Whether there is such a byte; false also when one was set aside before.</returns>
    public bool TryReserveStatus()
    {
        if (remaining == 0 || tail != Tail.None) return false;
        remaining--;
        tail = Tail.Reserved;
        // A last piece of that one byte alone is not part of the list either.
        tailSharesLastPiece = chain[end - 1].Length - (index == end - 1 ? offset : 0) > 1;
        if (!tailSharesLastPiece) end--;
        return true;
    }

    /// <summary>Fills the byte that was set aside.</summary>
    /// <param name="status">The status.</param>
    /// <exception cref="InvalidOperationException">No byte was set aside.</exception>
    public void WriteStatus(byte status)
    {
        if (tail == Tail.None) throw new InvalidOperationException("No status byte was reserved.");
        ref readonly GuestSegment last = ref chain[tailSharesLastPiece ? end - 1 : end];
        chain.Slice(last, last.Length - 1)[0] = status;
        tail = Tail.Written;
    }

    /// <summary>Lists the unfilled pieces.</summary>
    public IEnumerator<Memory<byte>> GetEnumerator()
    {
        for (int i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Reset(int first, int end, long bytes)
    {
        index = first;
        this.end = end;
        offset = 0;
        remaining = bytes;
        total = (uint)bytes;
        tail = Tail.None;
    }
}
