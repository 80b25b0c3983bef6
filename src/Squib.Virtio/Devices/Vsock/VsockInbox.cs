using System.Buffers;
using System.Numerics;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>Bytes of one connection that wait for the host; bounded, since the guest sends no more than it was given credit for.</summary>
/// <remarks>The memory is a pool's and is held only while there are bytes. Not thread-safe: the connection's lock guards it.</remarks>
internal sealed class VsockInbox
{
    private readonly int capacity;

    // A bit for each place in the buffer: does a message, or a record, end with this byte? Guests send messages of one byte too.
    private readonly ulong[]? messageEnds;
    private readonly ulong[]? recordEnds;
    private byte[]? bytes;
    private int head;
    private int count;

    internal VsockInbox(int capacity, bool messages)
    {
        this.capacity = capacity;
        if (!messages) return;
        messageEnds = new ulong[(capacity + 63) / 64];
        recordEnds = new ulong[messageEnds.Length];
    }

    internal bool IsEmpty => count == 0;

    /// <summary>Appends bytes from the front of what the driver lent; there is room for them.</summary>
    internal void Append(ReadableSegments source, int length)
    {
        bytes ??= ArrayPool<byte>.Shared.Rent(capacity);
        int tail = Wrap(head + count);
        int first = Math.Min(length, capacity - tail);
        source.TryRead(bytes.AsSpan(tail, first));
        if (first < length) source.TryRead(bytes.AsSpan(0, length - first));
        count += length;
    }

    /// <summary>Ends a message with the last byte, unless one ends there already.</summary>
    internal void EndMessage(bool record)
    {
        int last = Wrap(head + count - 1);
        if (Get(messageEnds!, last)) return;
        Set(messageEnds!, last);
        if (record) Set(recordEnds!, last);
    }

    /// <summary>Takes bytes from the front, none from beyond the end of a message.</summary>
    internal VsockOutcome Read(Span<byte> destination)
    {
        int end = messageEnds is null ? -1 : FindMessageEnd();
        int total = Math.Min(destination.Length, end < 0 ? count : end + 1);
        int first = Math.Min(total, capacity - head);
        bytes.AsSpan(head, first).CopyTo(destination);
        bytes.AsSpan(0, total - first).CopyTo(destination[first..]);
        bool ends = total > 0 && total == end + 1;
        bool record = ends && TakeMessageEnd(Wrap(head + end));
        Advance(total);
        return new(VsockStatus.Ok, total, ends, record);
    }

    /// <summary>The oldest bytes that lie together (streams only); they stay until <see cref="Advance"/>.</summary>
    internal ReadOnlyMemory<byte> Peek() => bytes.AsMemory(head, Math.Min(count, capacity - head));

    /// <summary>Drops the oldest bytes.</summary>
    internal void Advance(int total)
    {
        count -= total;
        head = Wrap(head + total);
        if (count == 0) Clear();
    }

    /// <summary>Drops all bytes.</summary>
    internal void Clear()
    {
        count = 0;
        head = 0;
        if (messageEnds is not null)
        {
            Array.Clear(messageEnds);
            Array.Clear(recordEnds!);
        }

        if (bytes is { } rented) ArrayPool<byte>.Shared.Return(rented);
        bytes = null;
    }

    /// <summary>The distance of the first byte with which a message ends, or -1.</summary>
    private int FindMessageEnd()
    {
        int distance = 0;
        while (distance < count)
        {
            int place = Wrap(head + distance);
            ulong word = messageEnds![place / 64] >> (place % 64);
            // To the end of the word or of the buffer, whichever comes first.
            int here = Math.Min(64 - (place % 64), capacity - place);
            if (word != 0)
            {
                int found = BitOperations.TrailingZeroCount(word);
                if (found < here) return distance + found < count ? distance + found : -1;
            }

            distance += here;
        }

        return -1;
    }

    /// <summary>Removes the marks of a byte.</summary>
    /// <returns>Whether a record ends there too.</returns>
    private bool TakeMessageEnd(int place)
    {
        bool record = Get(recordEnds!, place);
        messageEnds![place / 64] &= ~(1UL << (place % 64));
        recordEnds![place / 64] &= ~(1UL << (place % 64));
        return record;
    }

    private int Wrap(int place) => place >= capacity ? place - capacity : place;

    private static bool Get(ulong[] bits, int place) => (bits[place / 64] & (1UL << (place % 64))) != 0;

    private static void Set(ulong[] bits, int place) => bits[place / 64] |= 1UL << (place % 64);
}
