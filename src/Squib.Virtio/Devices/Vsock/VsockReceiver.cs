using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>The half of a connection from the guest to the host: bytes, and the credit that the guest has for them.</summary>
/// <remarks>
/// Bytes go straight to a reader that waits, otherwise into a bounded buffer. Counts are modulo 2^32. Not thread-safe: the
/// connection's lock guards it.
/// </remarks>
internal sealed class VsockReceiver
{
    private readonly uint bufferBytes;
    private readonly bool messages;
    private readonly VsockInbox inbox;
    private readonly VsockPending pending = new();
    private Memory<byte> destination;
    private uint received;
    private uint consumed;
    private uint announced;
    private VsockStatus end;
    private bool messageOpen;
    private bool lateEnd;
    private bool lateRecord;
    private bool isPeeked;

    internal VsockReceiver(int bufferBytes, bool messages)
    {
        this.bufferBytes = (uint)bufferBytes;
        this.messages = messages;
        inbox = new(bufferBytes, messages);
    }

    /// <summary>The number of bytes that the host has consumed: fwd_cnt.</summary>
    internal uint Consumed => consumed;

    /// <summary>Whether so much has been consumed since the guest last heard of it that it should hear again.</summary>
    internal bool OwesCredit => consumed - announced >= bufferBytes / 4;

    /// <summary>Whether everything from the guest is with the host.</summary>
    internal bool IsDrained => IsDeaf || (inbox.IsEmpty && !lateEnd);

    /// <summary>Whether what comes is thrown away: the host does not want it any more.</summary>
    internal bool IsDeaf { get; private set; }

    /// <summary>The guest has been told how much is consumed.</summary>
    internal void Announce() => announced = consumed;

    /// <summary>Takes data.</summary>
    /// <returns>False: there is more than the guest may send, or less than it says.</returns>
    internal bool TryTake(in VsockPacket packet, ReadableSegments payload)
    {
        // The guest knows only what it was told, and the difference is never more than the buffer.
        uint length = packet.Length;
        if (length > payload.Length || length > bufferBytes - (received - announced)) return false;
        received += length;
        if (IsDeaf)
        {
            consumed += length;
            return true;
        }

        // A reader waits only while there is nothing in the buffer.
        int direct = pending.IsActive ? (int)Math.Min(length, (uint)destination.Length) : 0;
        int rest = (int)length - direct;
        if (direct > 0)
        {
            payload.TryRead(destination.Span[..direct]);
            consumed += (uint)direct;
        }

        if (rest > 0) inbox.Append(payload, rest);
        bool ends = messages && (packet.Flags & VsockPacket.EndOfMessage) != 0;
        bool record = ends && (packet.Flags & VsockPacket.EndOfRecord) != 0;
        if (length == 0)
        {
            if (ends && messageOpen) EndLate(record);
            return true;
        }

        messageOpen = !ends;
        if (ends && rest > 0) inbox.EndMessage(record);
        if (pending.IsActive) pending.Finish(new(VsockStatus.Ok, direct, ends && rest == 0, record && rest == 0));
        return true;
    }

    /// <summary>No more comes from the guest; what has come can still be read.</summary>
    internal void End(VsockStatus why)
    {
        if (end == VsockStatus.Ok) end = why;
        if (pending.IsActive) pending.Finish(new(end));
    }

    /// <summary>The host does not want any more: waiting bytes are dropped, and so is what comes.</summary>
    internal void Close()
    {
        IsDeaf = true;
        consumed = received;
        lateEnd = false;
        // Somebody may still be busy with bytes in the buffer.
        if (!isPeeked) inbox.Clear();
        end = VsockStatus.Disposed;
        if (pending.IsActive) pending.Finish(new(VsockStatus.Disposed));
    }

    /// <summary>Ends a read that waits.</summary>
    internal void Cancel()
    {
        if (pending.IsActive) pending.Finish(new(VsockStatus.Cancelled));
    }

    /// <summary>Reads what is there, or begins to wait for it. A read into nothing waits until there is something.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="outcome">What there was.</param>
    /// <returns>Null, or what will know the outcome.</returns>
    internal VsockPending? Read(Memory<byte> buffer, out VsockOutcome outcome)
    {
        if (!inbox.IsEmpty)
        {
            outcome = inbox.Read(buffer.Span);
            consumed += (uint)outcome.Count;
            return null;
        }

        if (lateEnd && !buffer.IsEmpty)
        {
            outcome = new(VsockStatus.Ok, 0, EndOfMessage: true, lateRecord);
            lateEnd = false;
            return null;
        }

        outcome = new(lateEnd ? VsockStatus.Ok : end);
        if (lateEnd || end != VsockStatus.Ok) return null;
        pending.Begin();
        destination = buffer;
        return pending.TryTake(out outcome) ? null : pending;
    }

    /// <summary>The oldest bytes that lie together (streams only); they stay until <see cref="Advance"/>.</summary>
    internal ReadOnlyMemory<byte> Peek()
    {
        isPeeked = !IsDeaf;
        return IsDeaf ? default : inbox.Peek();
    }

    /// <summary>Consumes the oldest bytes.</summary>
    internal void Advance(int count)
    {
        isPeeked = false;
        if (IsDeaf)
        {
            inbox.Clear();
            return;
        }

        inbox.Advance(count);
        consumed += (uint)count;
    }

    /// <summary>A message whose bytes have come ends with none.</summary>
    private void EndLate(bool record)
    {
        messageOpen = false;
        if (!inbox.IsEmpty)
        {
            inbox.EndMessage(record);
            return;
        }

        bool toReader = pending.IsActive && !destination.IsEmpty;
        lateEnd = !toReader;
        lateRecord = record;
        if (pending.IsActive) pending.Finish(new(VsockStatus.Ok, 0, toReader, toReader && record));
    }
}
