using System.Runtime.CompilerServices;

namespace Squib.Virtio.Queues;

/// <summary>The device-readable bytes of a chain, consumed from the front.</summary>
/// <remarks>A view of the chain: copies of it see the same bytes and the same progress.</remarks>
public readonly struct ReadableSegments
{
    private readonly DescriptorChain chain;

    internal ReadableSegments(DescriptorChain chain) => this.chain = chain;

    /// <summary>The number of bytes not yet consumed.</summary>
    public long Length => chain.Cursor.ReadLeft;

    /// <summary>The number of pieces, each in one region of memory, that are not yet consumed.</summary>
    public int Count => chain.Cursor.ReadEnd - chain.Cursor.ReadAt;

    /// <summary>The bytes not yet consumed of the current piece; empty when all are consumed.</summary>
    public ReadOnlySpan<byte> First
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            DescriptorChain c = chain;
            if (c.Cursor.ReadAt == c.Cursor.ReadEnd) return default;
            ref readonly GuestSegment first = ref c.Items[c.Cursor.ReadAt];
            return c.Slice(first, first.Length);
        }
    }

    /// <summary>The unconsumed pieces by guest address.</summary>
    public ReadOnlySpan<GuestSegment> Segments => chain.Items.AsSpan(chain.Cursor.ReadAt, Count);

    /// <summary>An unconsumed piece, for I/O that outlives the call.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public ReadOnlyMemory<byte> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return chain.SliceMemory(chain.Items[chain.Cursor.ReadAt + index]);
        }
    }

    /// <summary>Consumes exactly as many bytes as the destination holds, or none.</summary>
    /// <param name="destination">Where to copy them.</param>
    /// <returns>Whether there were enough.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead(Span<byte> destination)
    {
        DescriptorChain c = chain;
        int length = destination.Length;
        if (c.Cursor.ReadAt < c.Cursor.ReadEnd)
        {
            ref GuestSegment first = ref c.Items[c.Cursor.ReadAt];
            if (length <= first.Length)
            {
                c.Slice(first, length).CopyTo(destination);
                Consume(c, ref first, length);
                return true;
            }
        }

        return TryReadAcross(c, destination);
    }

    /// <summary>Consumes bytes without looking at them.</summary>
    /// <param name="bytes">How many: no more than <see cref="Length"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public void Advance(long bytes)
    {
        DescriptorChain c = chain;
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)bytes, c.Cursor.ReadLeft, nameof(bytes));
        while (bytes > 0)
        {
            ref GuestSegment first = ref c.Items[c.Cursor.ReadAt];
            int here = (int)Math.Min(bytes, first.Length);
            Consume(c, ref first, here);
            bytes -= here;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Consume(DescriptorChain c, ref GuestSegment first, int bytes)
    {
        c.Cursor.ReadLeft -= (uint)bytes;
        if (bytes < first.Length) first = first.From(bytes);
        else c.Cursor.ReadAt++;
    }

    // Static, so that the view itself can stay in a register.
    private static bool TryReadAcross(DescriptorChain c, Span<byte> destination)
    {
        if (destination.Length > c.Cursor.ReadLeft) return false;
        while (!destination.IsEmpty)
        {
            ref GuestSegment first = ref c.Items[c.Cursor.ReadAt];
            int here = Math.Min(first.Length, destination.Length);
            c.Slice(first, here).CopyTo(destination);
            destination = destination[here..];
            Consume(c, ref first, here);
        }

        return true;
    }
}
