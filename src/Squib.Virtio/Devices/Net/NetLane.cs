namespace Squib.Virtio.Devices.Net;

/// <summary>One queue of the backend in one session: who may take its frames, and which of them are fit for the driver.</summary>
/// <remarks>
/// Where the backend has one queue and the driver several, the frames are dealt out in the order of their arrival: the receiver that
/// the next frame is for holds the lane, and hands it on when a frame is for another one.
/// </remarks>
internal sealed class NetLane
{
    /// <summary>The most unwanted frames that are thrown away without a pause.</summary>
    private const int DiscardsPerTurn = 256;

    private readonly NetSession session;
    private readonly INetBackend backend;
    private readonly int index;
    private volatile int holder;
    private byte[]? scratch;

    internal NetLane(NetSession session, INetBackend backend, int index)
    {
        this.session = session;
        this.backend = backend;
        this.index = index;
        holder = index;
    }

    /// <summary>Held while frames are looked at and taken, and while queues are switched on and off.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Held while frames are sent: several pairs of queues may share a lane.</summary>
    internal Lock SendGate { get; } = new();

    /// <summary>The pair whose receiver takes the next frame.</summary>
    internal int Holder
    {
        get => holder;
        set => holder = value;
    }

    internal bool CanSend => backend.CanSend(index);

    internal void Send(in NetFrame frame) => backend.Send(index, frame);

    internal void EndSend() => backend.EndSend(index);

    internal void Consume() => backend.Consume(index);

    internal void EndReceive() => backend.EndReceive(index);

    /// <summary>Looks for the next frame that the driver is to have; the others are thrown away. The caller holds the gate.</summary>
    /// <param name="receiver">The pair that asks.</param>
    /// <param name="tally">Where to count what is thrown away.</param>
    /// <param name="header">What to tell the driver of the frame.</param>
    /// <param name="frame">The frame, until it is consumed.</param>
    internal NetLook Find(int receiver, NetTally tally, out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        for (int i = 0; i < DiscardsPerTurn; i++)
        {
            if (!backend.TryPeek(index, out header, out frame)) return NetLook.Nothing;
            if (IsFit(ref header, ref frame, tally))
            {
                int target = session.Steer(frame, receiver);
                if (session.HasQueue(target))
                {
                    if (target == receiver) return NetLook.Frame;
                    Holder = target;
                    return NetLook.Elsewhere;
                }

                tally.ReceivesWithoutDriver++;
            }

            backend.Consume(index);
        }

        header = default;
        frame = default;
        return NetLook.Later;
    }

    /// <summary>Throws away what came before the driver was ready, as far as it is there now.</summary>
    internal void DiscardEarly(NetTally tally, int most)
    {
        while (most-- > 0 && backend.TryPeek(index, out _, out _))
        {
            tally.ReceivesWithoutDriver++;
            backend.Consume(index);
        }

        backend.EndReceive(index);
    }

    private bool IsFit(ref NetHeader header, ref ReadOnlySpan<byte> frame, NetTally tally)
    {
        if (!session.IsLinkUp)
        {
            tally.ReceivesWithoutLink++;
            return false;
        }

        if (frame.Length is < NetFrame.EthernetHeaderBytes or > NetFrame.MaxLength || IsAboveMtu(header, frame))
        {
            tally.BadLength++;
            return false;
        }

        if (!session.Filter.Accepts(frame))
        {
            tally.Filtered++;
            return false;
        }

        if (header.IsPlain || TryAdapt(ref header, ref frame)) return true;
        tally.BadOffload++;
        return false;
    }

    private bool IsAboveMtu(in NetHeader header, ReadOnlySpan<byte> frame)
    {
        // MUST NOT (5.1.4.1): with MTU no frame is longer, unless it is one to be cut.
        int mtu = session.Mtu;
        return frame.Length > mtu + NetFrame.EthernetHeaderBytes
            && header.Segmentation == NetHeader.GsoNone
            && frame.Length > mtu + NetFilter.HeaderBytes(frame);
    }

    /// <summary>Makes header and frame such as the driver has said that it takes them.</summary>
    private bool TryAdapt(ref NetHeader header, ref ReadOnlySpan<byte> frame)
    {
        NetOffloads taken = session.ReceiveOffloads;
        if (!header.TryCheck(taken | NetOffloads.Checksum, frame.Length)) return false;
        bool takesPartial = (taken & NetOffloads.Checksum) != 0;
        if (header.Segmentation != NetHeader.GsoNone)
            return takesPartial && header.TrySetHeaderLength(frame, frame.Length, out header);
        byte known = takesPartial ? (byte)(header.Flags & (NetHeader.NeedsChecksum | NetHeader.DataValid)) : (byte)0;
        if (header.HasPartialChecksum && !takesPartial)
        {
            // SHOULD (5.1.6.4.1): without GUEST_CSUM the driver gets complete frames.
            Span<byte> copy = Scratch.AsSpan(0, frame.Length);
            frame.CopyTo(copy);
            if (!NetChecksum.TryComplete(copy, header.ChecksumStart, header.ChecksumOffset)) return false;
            frame = copy;
        }

        header = (known & NetHeader.NeedsChecksum) != 0
            ? new(known, NetHeader.GsoNone, ChecksumStart: header.ChecksumStart, ChecksumOffset: header.ChecksumOffset)
            : new(known, NetHeader.GsoNone);
        return true;
    }

    private byte[] Scratch => scratch ??= GC.AllocateUninitializedArray<byte>(NetFrame.MaxLength);
}
