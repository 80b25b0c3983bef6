using System.Runtime.CompilerServices;

namespace Squib.Virtio.Queues;

/// <summary>The device-readable bytes of a chain, consumed from the front.</summary>
/// <remarks>A view of the chain: copies of it see the same bytes and the same progress.</remarks>
public readonly struct ReadableSegments
{
    private readonly DescriptorChain chain;

    internal ReadableSegments(DescriptorChain chain) => this.chain = chain;

    /// <summary>The number of bytes not yet consumed.</summary>
    public long Length => chain.ReadLeft;

    /// <summary>The number of pieces, each in one region of memory, that are not yet consumed.</summary>
    public int Count => chain.ReadableEnd - chain.Cursor.ReadIndex;

    /// <summary>The bytes not yet consumed of the current piece; empty when all are consumed.</summary>
    public ReadOnlySpan<byte> First
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            DescriptorChain c = chain;
            return c.ReadLeft == 0 ? default : c.Slice(c.Items[c.Cursor.ReadIndex], c.Cursor.ReadOffset);
        }
    }

    /// <summary>The unconsumed pieces by guest address; the first one may have been consumed in part.</summary>
    public ReadOnlySpan<GuestSegment> Segments => chain.Items.AsSpan(chain.Cursor.ReadIndex, Count);

    /// <summary>An unconsumed piece, for I/O that outlives the call.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public ReadOnlyMemory<byte> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return chain.SliceMemory(chain.Items[chain.Cursor.ReadIndex + index], index == 0 ? chain.Cursor.ReadOffset : 0);
        }
    }

    /// <summary>Consumes exactly as many bytes as the destination holds, or none.</summary>
    /// <param name="destination">Where to copy them.</param>
    /// <returns>Whether there were enough.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead(Span<byte> destination)
    {
        ReadOnlySpan<byte> first = First;
        if (first.Length < destination.Length) return TryReadAcross(destination);
        first[..destination.Length].CopyTo(destination);
        AdvanceInFirst(first.Length, destination.Length);
        return true;
    }

    /// <summary>Consumes bytes without looking at them.</summary>
    /// <param name="bytes">How many: no more than <see cref="Length"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public void Advance(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)bytes, chain.ReadLeft, nameof(bytes));
        while (bytes > 0)
        {
            int here = chain.Items[chain.Cursor.ReadIndex].Length - chain.Cursor.ReadOffset;
            int now = (int)Math.Min(bytes, here);
            AdvanceInFirst(here, now);
            bytes -= now;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AdvanceInFirst(int length, int bytes)
    {
        DescriptorChain c = chain;
        c.ReadLeft -= (uint)bytes;
        if (bytes < length)
        {
            c.Cursor.ReadOffset += bytes;
        }
        else if (bytes > 0)
        {
            c.Cursor.ReadOffset = 0;
            c.Cursor.ReadIndex++;
        }
    }

    private bool TryReadAcross(Span<byte> destination)
    {
        if (destination.Length > chain.ReadLeft) return false;
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<byte> first = First;
            int here = Math.Min(first.Length, destination.Length);
            first[..here].CopyTo(destination);
            destination = destination[here..];
            AdvanceInFirst(first.Length, here);
        }

        return true;
    }
}
