using System.Collections;
using System.Runtime.CompilerServices;

namespace Squib.Virtio.Queues;

/// <summary>The device-readable bytes of a chain, consumed from the front.</summary>
/// <remarks>As a list it holds what has not been consumed, in pieces that lie in one region of memory each.</remarks>
public sealed class ReadableSegments : IReadOnlyList<ReadOnlyMemory<byte>>
{
    private readonly DescriptorChain chain;
    private int index;
    private int end;
    private int offset;
    private long remaining;

    internal ReadableSegments(DescriptorChain chain) => this.chain = chain;

    /// <summary>The number of bytes not yet consumed.</summary>
    public long Length => remaining;

    /// <summary>The number of pieces not yet consumed.</summary>
    public int Count => end - index;

    /// <summary>The bytes not yet consumed of the current piece; empty when all are consumed.</summary>
    public ReadOnlySpan<byte> First => index < end ? chain.Slice(chain[index], offset) : default;

    /// <summary>The unconsumed pieces by guest address; the first one may have been consumed in part.</summary>
    public ReadOnlySpan<GuestSegment> Segments => chain.Segments(index, end);

    /// <summary>An unconsumed piece.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public ReadOnlyMemory<byte> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return chain.SliceMemory(chain[this.index + index], index == 0 ? offset : 0);
        }
    }

    /// <summary>Consumes exactly as many bytes as the destination holds, or none.</summary>
    /// <param name="destination">Where to copy them.</param>
    /// <returns>Whether there were enough.</returns>
    public bool TryRead(Span<byte> destination)
    {
        if (destination.Length > remaining) return false;
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<byte> first = First;
            if (first.Length > destination.Length) first = first[..destination.Length];
            first.CopyTo(destination);
            destination = destination[first.Length..];
            Advance(first.Length);
        }

        return true;
    }

    /// <summary>Consumes bytes without looking at them.</summary>
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

    /// <summary>Lists the unconsumed pieces.</summary>
    public IEnumerator<ReadOnlyMemory<byte>> GetEnumerator()
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
    }
}
