using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>The half of a connection from the host to the guest: a write under way, and the credit that the guest gives.</summary>
/// <remarks>
/// There is no buffer: a write is done when its bytes are in the guest's buffers, and that is all the back-pressure there is.
/// Not thread-safe: the connection's lock guards it.
/// </remarks>
internal sealed class VsockSender
{
    private readonly bool messages;
    private readonly VsockPending pending = new();
    private VsockCredit credit;
    private ReadOnlyMemory<byte> left;
    private int total;
    private uint endFlags;
    private uint messageBytes;
    private bool hasAsked;
    private VsockStatus end;

    internal VsockSender(bool messages) => this.messages = messages;

    /// <summary>Whether a write is under way.</summary>
    internal bool IsBusy => pending.IsActive;

    /// <summary>Whether there is something to send that the guest takes.</summary>
    internal bool HasData => pending.IsActive && (left.IsEmpty || credit.Free > 0);

    /// <summary>Whether the guest should be asked for credit; once for each time that there is none.</summary>
    internal bool WantsCredit => pending.IsActive && !hasAsked && !left.IsEmpty && credit.Free == 0;

    /// <summary>Takes what a packet of the guest says about its buffer.</summary>
    /// <returns>False: the guest claims what cannot be.</returns>
    internal bool TryUpdate(in VsockPacket packet)
    {
        bool honest = credit.TryUpdate(packet.BufferBytes, packet.Forwarded);
        if (credit.Free > 0) hasAsked = false;
        return honest;
    }

    /// <summary>The guest has been asked for credit.</summary>
    internal void Asked() => hasAsked = true;

    /// <summary>Begins a write.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="flags">Flags of the packet with the last byte.</param>
    /// <param name="outcome">The outcome, if it is known at once.</param>
    /// <returns>Whether the write is under way now.</returns>
    internal bool TryBegin(ReadOnlyMemory<byte> source, uint flags, out VsockOutcome outcome)
    {
        outcome = new(end);
        if (end != VsockStatus.Ok) return false;
        // A message without a byte looks like the end of the connection in Linux.
        bool nothing = source.IsEmpty && (flags == 0 || messageBytes == 0);
        if (nothing && !pending.IsActive) return false;
        // The guest gives its reader nothing of a message until all of it is there, which must be possible.
        if (messages && (uint)source.Length > credit.BufferBytes - Math.Min(messageBytes, credit.BufferBytes))
        {
            outcome = new(VsockStatus.TooLong);
            return false;
        }

        pending.Begin();
        left = source;
        total = source.Length;
        endFlags = flags;
        return true;
    }

    /// <summary>What will know the outcome of the write under way, or null: it is known.</summary>
    internal VsockPending? Await(out VsockOutcome outcome) => pending.TryTake(out outcome) ? null : pending;

    /// <summary>The number of bytes for a packet of data, and its flags.</summary>
    /// <returns>False: there is no room for payload at all.</returns>
    internal bool TryPlan(long room, out int length, out uint flags)
    {
        length = (int)Math.Min(Math.Min(room, VsockOptions.MaxPacketBytes), Math.Min((uint)left.Length, credit.Free));
        flags = length == left.Length ? endFlags : 0;
        return length > 0 || left.IsEmpty;
    }

    /// <summary>Copies the next bytes into what the driver lent.</summary>
    internal void Fill(WritableSegments destination, int length)
    {
        ReadOnlySpan<byte> source = left.Span[..length];
        left = left[length..];
        destination.TryWrite(source);
        credit.Spend((uint)length);
        if (messages) messageBytes += (uint)length;
        if (!left.IsEmpty) return;
        if (endFlags != 0) messageBytes = 0;
        pending.Finish(new(VsockStatus.Ok, total));
    }

    /// <summary>Nothing can be sent any more.</summary>
    internal void End(VsockStatus why)
    {
        if (end == VsockStatus.Ok || why == VsockStatus.Disposed) end = why;
        if (pending.IsActive) pending.Finish(new(end));
    }

    /// <summary>Ends a write that waits; some of its bytes may be with the guest.</summary>
    /// <returns>False: that leaves the guest with half a message.</returns>
    internal bool TryCancel()
    {
        if (!pending.IsActive) return true;
        pending.Finish(new(VsockStatus.Cancelled));
        return messageBytes == 0;
    }
}
