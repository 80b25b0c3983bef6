using System.Runtime.InteropServices;

namespace Squib.Virtio.Devices.Net;

/// <summary>A bounded queue of frames, each in one piece, from one writer at a time to one reader.</summary>
/// <remarks>
/// Writer and reader meet only in two positions, so neither waits for the other. The memory is there from the first frame on.
/// A record is the length of the frame, its header and the frame; one that does not fit before the end of the memory begins at its start,
/// behind a mark.
/// </remarks>
internal sealed class FrameRing
{
    private const int LengthBytes = sizeof(int);
    private const int RecordBytes = LengthBytes + NetHeader.Size;
    private const int Alignment = 8;
    private const int WrapMark = -1;

    /// <summary>The least that holds a frame of any size wherever the last one ended.</summary>
    internal const int MinCapacity = 2 * (NetFrame.MaxLength + RecordBytes + Alignment);

    private readonly int capacity;
    private byte[]? bytes;
    private long written;
    private long consumed;
    private int readerWaits;

    /// <param name="capacity">The number of bytes for frames and what is kept with them.</param>
    internal FrameRing(int capacity) => this.capacity = (capacity + Alignment - 1) / Alignment * Alignment;

    /// <summary>Whether there is room for a frame of any size.</summary>
    internal bool HasRoom => Room >= MinCapacity;

    private bool IsEmpty => Volatile.Read(ref written) == Volatile.Read(ref consumed);

    private long Room => capacity - (written - Volatile.Read(ref consumed));

    /// <summary>Appends a frame.</summary>
    /// <returns>Whether there was room.</returns>
    internal bool TryWrite(in NetFrame frame)
    {
        int record = Align(RecordBytes + frame.Length);
        int at = (int)(written % capacity);
        int tail = capacity - at;
        int skipped = tail < record ? tail : 0;
        if (skipped + record > Room) return false;
        Span<byte> memory = bytes ??= GC.AllocateUninitializedArray<byte>(capacity);
        if (skipped > 0)
        {
            MemoryMarshal.Write(memory[at..], WrapMark);
            at = 0;
        }

        Span<byte> to = memory.Slice(at, record);
        MemoryMarshal.Write(to, frame.Length);
        frame.Header.Write(to[LengthBytes..]);
        frame.CopyTo(to[RecordBytes..]);
        // Release: the record is there before the position that covers it.
        Volatile.Write(ref written, written + skipped + record);
        return true;
    }

    /// <summary>Whether the reader has found nothing and now would find something; says so once.</summary>
    internal bool TakeWaitingReader() =>
        Volatile.Read(ref readerWaits) != 0 && !IsEmpty && Interlocked.Exchange(ref readerWaits, 0) != 0;

    /// <summary>Shows the oldest frame; if there is none, the reader waits for one from now on.</summary>
    internal bool TryPeek(out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        if (TryPeekNow(out header, out frame)) return true;
        // Full fence: either the writer sees that the reader waits, or the reader sees what it has written.
        Interlocked.Exchange(ref readerWaits, 1);
        return TryPeekNow(out header, out frame);
    }

    /// <summary>Removes the frame that was shown.</summary>
    internal void Consume()
    {
        int length = MemoryMarshal.Read<int>(bytes.AsSpan((int)(consumed % capacity)));
        // Release: the bytes have been read before the writer may use them again.
        Volatile.Write(ref consumed, consumed + Align(RecordBytes + length));
    }

    private bool TryPeekNow(out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        header = default;
        frame = default;
        if (Volatile.Read(ref written) == consumed) return false;
        ReadOnlySpan<byte> memory = bytes;
        int at = (int)(consumed % capacity);
        int length = MemoryMarshal.Read<int>(memory[at..]);
        if (length == WrapMark)
        {
            Volatile.Write(ref consumed, consumed + capacity - at);
            at = 0;
            length = MemoryMarshal.Read<int>(memory);
        }

        header = NetHeader.Read(memory[(at + LengthBytes)..]);
        frame = memory.Slice(at + RecordBytes, length);
        return true;
    }

    private static int Align(int length) => (length + Alignment - 1) & -Alignment;
}
