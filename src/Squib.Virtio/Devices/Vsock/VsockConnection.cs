using Squib.Virtio.Limits;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>A connection between a port of the guest and one of the host (virtio 1.2, 5.10.6).</summary>
/// <remarks>
/// The loop of the transmit queue hands packets in, that of the receive queue takes packets out, and the host reads and writes; they
/// meet under the connection's lock, which is held while the bytes of one packet are copied. Control packets are flags, not a list:
/// however often a guest asks for one, one is due.
/// </remarks>
internal sealed class VsockConnection
{
    // The most packets in a row before another connection has its turn.
    private const int PacketsPerTurn = 16;

    private readonly Lock gate = new();
    private readonly VsockSession session;
    private readonly VsockReceiver receiver;
    private readonly VsockSender sender;
    private readonly TaskCompletionSource<VsockStatus> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource deaf = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private VsockState state;
    private VsockShutdown guestShutdown;
    private VsockShutdown hostShutdown;
    private VsockShutdown announcedShutdown;
    private bool requestDue;
    private bool responseDue;
    private bool creditDue;
    private bool resetDue;
    private bool hostDone;
    private ITimer? timer;

    internal VsockConnection(VsockSession session, VsockState state, uint guestPort, uint hostPort, VsockSocketType type)
    {
        this.session = session;
        this.state = state;
        GuestPort = guestPort;
        HostPort = hostPort;
        Type = type;
        bool messages = type == VsockSocketType.SeqPacket;
        receiver = new(session.Options.BufferBytes, messages);
        sender = new(messages);
    }

    internal uint GuestPort { get; }

    internal uint HostPort { get; }

    internal VsockSocketType Type { get; }

    /// <summary>Done when the guest receives no more.</summary>
    internal Task GuestStoppedReceiving => deaf.Task;

    /// <summary>The next connection in the outbox, which alone uses it.</summary>
    internal VsockConnection? NextReady { get; set; }

    /// <summary>Whether the connection is in the outbox, which alone uses it.</summary>
    internal bool IsReady { get; set; }

    private bool HasOutput => NextOperation() != VsockOperation.Invalid;

    // --- the host's side --------------------------------------------------------------------------------------------------------

    /// <summary>Asks the guest for the connection.</summary>
    /// <returns>Done when the guest has answered, or will not.</returns>
    internal Task<VsockStatus> AskAsync()
    {
        lock (gate)
        {
            requestDue = true;
            Arm(session.Options.ConnectTimeout);
            session.Outbox.Add(this);
        }

        session.Outbox.Bell.Ring();
        return answer.Task;
    }

    /// <summary>The guest gets the connection that it asked for; one that it has given up meanwhile is closed already.</summary>
    internal void Accept()
    {
        lock (gate)
        {
            if (state != VsockState.Asked || resetDue) return;
            state = VsockState.Open;
            Interlocked.Increment(ref session.Tally.Opened);
            Disarm();
            responseDue = true;
            session.Outbox.Add(this);
        }

        session.Outbox.Bell.Ring();
    }

    /// <summary>The host's side does not want the connection that the guest asked for.</summary>
    internal void Refuse()
    {
        lock (gate)
        {
            if (state == VsockState.Asked && !resetDue) Interlocked.Increment(ref session.Tally.Refused);
        }

        Dispose();
    }

    /// <summary>Begins to wait for the host's answer to the guest.</summary>
    internal void AwaitAnswer()
    {
        lock (gate)
        {
            if (state == VsockState.Asked && !resetDue && !hostDone) Arm(session.Options.ConnectTimeout);
        }
    }

    /// <summary>Reads, or waits for something to read; into nothing: only waits.</summary>
    /// <returns>Null: <paramref name="outcome"/> says it all.</returns>
    internal VsockPending? Read(Memory<byte> buffer, CancellationToken cancel, out VsockOutcome outcome)
    {
        VsockPending? pending;
        bool ring;
        lock (gate)
        {
            pending = receiver.Read(buffer, out outcome);
            ring = pending is null && OfferAfterRead();
        }

        if (ring) session.Outbox.Bell.Ring();
        pending?.CancelWith(static self => ((VsockConnection)self!).CancelRead(), this, cancel);
        return pending;
    }

    /// <summary>The oldest bytes that lie together, which stay until <see cref="Advance"/>; for streams.</summary>
    internal ReadOnlyMemory<byte> Peek()
    {
        lock (gate) return receiver.Peek();
    }

    /// <summary>Consumes bytes that were peeked at.</summary>
    internal void Advance(int count)
    {
        bool ring;
        lock (gate)
        {
            receiver.Advance(count);
            ring = OfferAfterRead();
        }

        if (ring) session.Outbox.Bell.Ring();
    }

    /// <summary>Writes; done when the guest's buffers hold all of it.</summary>
    /// <param name="source">The bytes, not to be changed until then.</param>
    /// <param name="flags">Flags of the packet with the last byte.</param>
    /// <param name="cancel">Gives up waiting.</param>
    /// <param name="outcome">How it ended, if it has.</param>
    /// <returns>Null: it has.</returns>
    internal VsockPending? Write(ReadOnlyMemory<byte> source, uint flags, CancellationToken cancel, out VsockOutcome outcome)
    {
        lock (gate)
        {
            if ((hostShutdown & VsockShutdown.NoSend) != 0 && !hostDone)
                throw new InvalidOperationException("Writing has been completed.");
            if (!sender.TryBegin(source, flags, out outcome)) return null;
            if (HasOutput) session.Outbox.Add(this);
        }

        // With an inline doorbell the guest has it all when this returns, unless it lacks buffers or credit.
        session.Outbox.Bell.Ring();
        VsockPending? pending;
        lock (gate) pending = sender.Await(out outcome);
        pending?.CancelWith(static self => ((VsockConnection)self!).CancelWrite(), this, cancel);
        return pending;
    }

    /// <summary>The host sends no more; what is being written still goes.</summary>
    internal void CompleteWrites() => Shut(VsockShutdown.NoSend);

    /// <summary>The host is done with the connection.</summary>
    internal void Dispose()
    {
        bool ring = false;
        lock (gate)
        {
            if (hostDone) return;
            hostDone = true;
            receiver.Close();
            sender.End(VsockStatus.Disposed);
            if (state == VsockState.Closed)
            {
                session.Slots.Release();
                return;
            }

            if (requestDue)
            {
                Close(VsockStatus.Disposed);
                return;
            }

            // The guest's side of a connection that is not made yet hears no; that of one which is made gets time to agree.
            if (state == VsockState.Open) hostShutdown = VsockShutdown.Both;
            else resetDue = true;
            ring = Offer();
        }

        if (ring) session.Outbox.Bell.Ring();
    }

    /// <summary>The connection ends with the session or by a transport reset: the guest does not hear of it.</summary>
    internal void Abort(VsockStatus why)
    {
        lock (gate)
        {
            if (state != VsockState.Closed) Close(why);
        }
    }

    // --- packets from the guest -------------------------------------------------------------------------------------------------

    /// <summary>Takes what the request says about the guest's buffer.</summary>
    internal void TakeCredit(in VsockPacket request) => sender.TryUpdate(request);

    /// <summary>Takes a packet of the guest; what it leads to is in the outbox afterwards.</summary>
    internal void Handle(in VsockPacket packet, ReadableSegments payload)
    {
        lock (gate)
        {
            if (state == VsockState.Closed) return;
            if (packet.Operation == VsockOperation.Reset)
            {
                bool agreed = announcedShutdown == VsockShutdown.Both || guestShutdown == VsockShutdown.Both;
                Close(state == VsockState.Asking ? VsockStatus.Refused : agreed ? VsockStatus.End : VsockStatus.Reset);
                return;
            }

            // What crosses a reset on its way is void.
            if (resetDue) return;
            if (!sender.TryUpdate(packet)) Interlocked.Increment(ref session.Tally.Ignored);
            if (!TryHandle(packet, payload))
            {
                Interlocked.Increment(ref session.Tally.Violations);
                Doom(VsockStatus.Reset);
            }

            Offer();
        }
    }

    private bool TryHandle(in VsockPacket packet, ReadableSegments payload)
    {
        switch (packet.Operation)
        {
            case VsockOperation.ReadWrite:
                if (state != VsockState.Open || (guestShutdown & VsockShutdown.NoSend) != 0) return false;
                if (!receiver.TryTake(packet, payload)) return false;
                session.Tally.BytesFromGuest += packet.Length;
                return true;
            case VsockOperation.CreditUpdate:
                return true;
            case VsockOperation.CreditRequest:
                creditDue = true;
                return true;
            case VsockOperation.Response:
                return TryOpen();
            case VsockOperation.Shutdown:
                return state != VsockState.Asking && TakeShutdown((VsockShutdown)packet.Flags);
            case VsockOperation.Request:
                // The same request again is nothing new; one on the ports of a connection that ends is another connection's.
                Interlocked.Increment(ref session.Tally.Ignored);
                return hostShutdown != VsockShutdown.Both && guestShutdown == VsockShutdown.None;
            default:
                return false;
        }
    }

    private bool TryOpen()
    {
        if (state == VsockState.Open)
        {
            Interlocked.Increment(ref session.Tally.Ignored);
            return true;
        }

        if (state != VsockState.Asking || requestDue) return false;
        state = VsockState.Open;
        Interlocked.Increment(ref session.Tally.Opened);
        Disarm();
        answer.TrySetResult(VsockStatus.Ok);
        return true;
    }

    private bool TakeShutdown(VsockShutdown flags)
    {
        // Hints are for good: they add up (5.10.6.5).
        guestShutdown |= flags & VsockShutdown.Both;
        if ((guestShutdown & VsockShutdown.NoReceive) != 0)
        {
            sender.End(VsockStatus.Broken);
            deaf.TrySetResult();
        }

        if ((guestShutdown & VsockShutdown.NoSend) != 0) receiver.End(VsockStatus.End);
        return true;
    }

    // --- packets to the guest ---------------------------------------------------------------------------------------------------

    /// <summary>Sends what there is to send, a turn's worth at most.</summary>
    /// <returns>False: the guest's buffers are used up, or the limit is reached.</returns>
    internal bool TrySend(ref QueueBatch batch, RateGate limit)
    {
        lock (gate)
        {
            for (int i = 0; i < PacketsPerTurn; i++)
            {
                VsockOperation operation = NextOperation();
                if (operation == VsockOperation.Invalid) return true;
                if (!limit.MayPass() || !batch.TryTake(out DescriptorChain? chain))
                {
                    session.Outbox.PutBack(this);
                    return false;
                }

                limit.Charge(Send(operation, chain.Writable));
                batch.Return(chain);
            }

            if (HasOutput) session.Outbox.Add(this);
            return true;
        }
    }

    private VsockOperation NextOperation()
    {
        if (resetDue) return VsockOperation.Reset;
        if (requestDue) return VsockOperation.Request;
        if (responseDue) return VsockOperation.Response;
        if (state != VsockState.Open) return VsockOperation.Invalid;
        // MUST (5.10.6.3): data only as far as the guest has room for it.
        if (sender.HasData) return VsockOperation.ReadWrite;
        if ((hostShutdown & ~announcedShutdown) != 0 && !sender.IsBusy) return VsockOperation.Shutdown;
        if (creditDue || (receiver.OwesCredit && (guestShutdown & VsockShutdown.NoSend) == 0))
            return VsockOperation.CreditUpdate;
        return sender.WantsCredit ? VsockOperation.CreditRequest : VsockOperation.Invalid;
    }

    /// <returns>The number of payload bytes.</returns>
    private int Send(VsockOperation operation, WritableSegments destination)
    {
        int length = 0;
        uint flags = operation == VsockOperation.Shutdown ? (uint)hostShutdown : 0;
        long room = destination.Length - VsockPacket.Size;
        if (room < 0 || (operation == VsockOperation.ReadWrite && !sender.TryPlan(room, out length, out flags)))
        {
            session.Tally.ShortBuffers++;
            return 0;
        }

        // MUST (5.10.6.3): every packet says what the buffer is and how much of what came is consumed.
        VsockPacket packet = session.Compose(
            operation, HostPort, GuestPort, (ushort)Type, (uint)length, flags, receiver.Consumed);
        packet.TryWrite(destination);
        receiver.Announce();
        creditDue = false;
        session.Tally.PacketsToGuest++;
        session.Tally.BytesToGuest += length;
        switch (operation)
        {
            case VsockOperation.ReadWrite: sender.Fill(destination, length); break;
            case VsockOperation.Request: requestDue = false; break;
            case VsockOperation.Response: responseDue = false; break;
            case VsockOperation.CreditRequest: sender.Asked(); break;
            case VsockOperation.Shutdown:
                announcedShutdown = hostShutdown;
                // MUST (5.10.6.5): who gets no reset in answer sends one itself after a time.
                if (hostShutdown == VsockShutdown.Both) Arm(session.Options.ShutdownTimeout);
                break;
            case VsockOperation.Reset: Close(VsockStatus.Reset); break;
        }

        return length;
    }

    // --- the end ----------------------------------------------------------------------------------------------------------------

    private void Shut(VsockShutdown flags)
    {
        bool ring;
        lock (gate)
        {
            hostShutdown |= flags;
            ring = Offer();
        }

        if (ring) session.Outbox.Bell.Ring();
    }

    private void CancelRead()
    {
        lock (gate) receiver.Cancel();
    }

    private void CancelWrite()
    {
        bool ring;
        lock (gate)
        {
            if (!sender.TryCancel()) Doom(VsockStatus.Reset);
            ring = Offer();
        }

        if (ring) session.Outbox.Bell.Ring();
    }

    private bool OfferAfterRead() =>
        // Most reads owe the guest nothing yet.
        (receiver.OwesCredit || guestShutdown == VsockShutdown.Both) && Offer();

    /// <summary>Sees to it that what is due is sent.</summary>
    /// <returns>Whether there is something.</returns>
    private bool Offer()
    {
        if (state == VsockState.Closed) return false;
        // MUST (5.10.6.5): a guest that has given up both directions gets a reset, once nothing of it is left to be read.
        if (guestShutdown == VsockShutdown.Both && receiver.IsDrained) resetDue = true;
        if (!HasOutput) return false;
        session.Outbox.Add(this);
        return true;
    }

    /// <summary>Ends the connection from this side, without a word but a reset.</summary>
    private void Doom(VsockStatus why)
    {
        resetDue = true;
        EndHalves(why);
    }

    /// <summary>The guest has no such connection any more.</summary>
    private void Close(VsockStatus why)
    {
        state = VsockState.Closed;
        resetDue = requestDue = responseDue = false;
        EndHalves(why);
        session.Connections.Remove(this);
        if (hostDone) session.Slots.Release();
    }

    private void EndHalves(VsockStatus why)
    {
        Disarm();
        receiver.End(why);
        sender.End(why == VsockStatus.End ? VsockStatus.Broken : why);
        answer.TrySetResult(why);
        deaf.TrySetResult();
    }

    private void Arm(TimeSpan due)
    {
        Disarm();
        timer = session.Options.Time.CreateTimer(
            static self => ((VsockConnection)self!).OnTimeout(), this, due, Timeout.InfiniteTimeSpan);
    }

    private void Disarm()
    {
        timer?.Dispose();
        timer = null;
    }

    private void OnTimeout()
    {
        lock (gate)
        {
            if (timer is null || resetDue || state == VsockState.Closed) return;
            Interlocked.Increment(ref session.Tally.TimedOut);
            // A guest that never had the request knows nothing to reset.
            if (requestDue) Close(VsockStatus.TimedOut);
            else Doom(VsockStatus.TimedOut);
            Offer();
        }

        session.Outbox.Bell.Ring();
    }
}
