namespace Squib.Virtio.Devices.Console;

/// <summary>A bounded first-in first-out buffer of bytes; its memory is allocated when the first byte comes.</summary>
/// <remarks>Any thread may write, one reads. The lock is held while bytes are copied, and for nothing else.</remarks>
internal sealed class ByteRing
{
    private readonly Lock gate = new();
    private readonly int capacity;
    private byte[] bytes = [];
    private int head;
    private int count;

    internal ByteRing(int capacity) => this.capacity = capacity;

    internal bool IsEmpty => Volatile.Read(ref count) == 0;

    internal bool IsHalfEmpty => Volatile.Read(ref count) <= capacity / 2;

    /// <summary>Appends as many bytes as there is room for.</summary>
    /// <returns>The number of bytes taken.</returns>
    internal int Write(ReadOnlySpan<byte> source)
    {
        lock (gate)
        {
            if (bytes.Length == 0) bytes = new byte[capacity];
            int total = Math.Min(source.Length, capacity - count);
            int tail = (head + count) % capacity;
            int first = Math.Min(total, capacity - tail);
            source[..first].CopyTo(bytes.AsSpan(tail));
            source[first..total].CopyTo(bytes);
            count += total;
            return total;
        }
    }

    /// <summary>Takes as many bytes as there are and as there is room for.</summary>
    /// <returns>The number of bytes taken.</returns>
    internal int Read(Span<byte> destination)
    {
        lock (gate)
        {
            int total = Math.Min(destination.Length, count);
            int first = Math.Min(total, bytes.Length - head);
            bytes.AsSpan(head, first).CopyTo(destination);
            bytes.AsSpan(0, total - first).CopyTo(destination[first..]);
            Skip(total);
            return total;
        }
    }

    /// <summary>The oldest bytes that lie together; they stay until <see cref="Advance"/>.</summary>
    internal ReadOnlyMemory<byte> Peek()
    {
        lock (gate) return bytes.AsMemory(head, Math.Min(count, bytes.Length - head));
    }

    /// <summary>Drops the oldest bytes.</summary>
    internal void Advance(int total)
    {
        lock (gate) Skip(total);
    }

    private void Skip(int total)
    {
        count -= total;
        // An empty buffer begins anew, so that the usual line of text lies together.
        head = count == 0 ? 0 : (head + total) % capacity;
    }
}
