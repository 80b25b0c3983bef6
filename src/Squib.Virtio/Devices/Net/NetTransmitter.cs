using System.Diagnostics.CodeAnalysis;
using Squib.Virtio.Limits;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Net;

/// <summary>The loop of one transmit queue in one session: hands the driver's frames to the backend.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The loop disposes of the gate.")]
internal sealed class NetTransmitter
{
    /// <summary>Enough for an Ethernet header with a VLAN tag, an IPv6 header and ports.</summary>
    private const int FlowHeaderBytes = 64;

    /// <summary>From the start of a TCP header: up to the field that says how long it is.</summary>
    private const int TcpLengthBytes = 13;

    private readonly NetSession session;
    private readonly NetLane lane;
    private readonly Virtqueue queue;
    private readonly NetTally tally;
    private readonly int pair;
    private readonly int headerNeeded;
    private readonly byte[] headerBytes = new byte[NetHeader.Size];
    private readonly Doorbell room = new(inline: true);
    private readonly RateGate gate;
    private byte[]? scratch;

    internal NetTransmitter(NetSession session, NetLane lane, Virtqueue queue, int pair, NetTally tally, RateControl control)
    {
        gate = new(control, queue);
        this.session = session;
        this.lane = lane;
        this.queue = queue;
        this.pair = pair;
        this.tally = tally;
        headerNeeded = session.KnowsFlows ? FlowHeaderBytes : NetFrame.EthernetHeaderBytes;
    }

    /// <summary>Says that the backend may have room.</summary>
    internal void Wake() => room.Ring();

    internal async Task RunAsync()
    {
        using RateGate leaving = gate;
        using CancellationTokenRegistration wake = session.Reset.UnsafeRegister(static bell => ((Doorbell)bell!).Ring(), room);
        while (!session.Reset.IsCancellationRequested)
        {
            // First there is room: nothing is taken that would have to be kept, so that the queue can be stopped at any time.
            if (!HasRoom()) await queue.RestAsync(room).ConfigureAwait(false);
            else if (await gate.WaitAsync().ConfigureAwait(false)) SendBatch();
            else return;
        }
    }

    private bool HasRoom()
    {
        lock (lane.SendGate) return lane.CanSend;
    }

    private void SendBatch()
    {
        lock (lane.SendGate)
        {
            using QueueBatch batch = queue.BeginBatch();
            while (lane.CanSend && gate.MayPass() && batch.TryTake(out DescriptorChain? chain))
            {
                long before = tally.BytesSent;
                Send(chain);
                gate.Charge(tally.BytesSent - before);
                batch.Return(chain);
            }
        }

        lane.EndSend();
    }

    private void Send(DescriptorChain chain)
    {
        ReadableSegments source = chain.Readable;
        long length = source.Length - NetHeader.Size;
        if (length is < NetFrame.EthernetHeaderBytes or > NetFrame.MaxLength || chain.Writable.Length != 0)
        {
            tally.MalformedSends++;
            return;
        }

        source.TryRead(headerBytes);
        // MUST (5.1.6.2.2): flags that are not known are ignored; so is num_buffers.
        int flags = headerBytes[0] & NetHeader.NeedsChecksum;
        if ((flags | headerBytes[1]) == 0) Send(new NetFrame(default, chain), headerNeeded);
        else SendUnfinished(NetHeader.Read(headerBytes) with { Flags = (byte)flags, Buffers = 0 }, chain);
    }

    /// <summary>Sends a frame to which there is something left to do.</summary>
    private void SendUnfinished(NetHeader header, DescriptorChain chain)
    {
        int length = (int)chain.Readable.Length;
        bool valid = header.TryCheck(session.SendOffloads, length);
        if (!valid)
        {
            tally.MalformedSends++;
            return;
        }

        if (header.Segmentation == NetHeader.GsoNone)
        {
            bool partial = header.HasPartialChecksum;
            header = partial
                ? new(header.Flags, NetHeader.GsoNone, ChecksumStart: header.ChecksumStart, ChecksumOffset: header.ChecksumOffset)
                : default;
            if (partial && (session.BackendOffloads & NetOffloads.Checksum) == 0) SendCompleted(header, chain);
            else Send(new NetFrame(header, chain), Math.Max(headerNeeded, header.ChecksumStart + header.ChecksumOffset + sizeof(ushort)));
            return;
        }

        NetFrame frame = Whole(new NetFrame(header, chain), header.ChecksumStart + TcpLengthBytes);
        if (header.TrySetHeaderLength(frame.First, length, out header)) Send(frame.With(header), headerNeeded);
        else tally.MalformedSends++;
    }

    private void SendCompleted(in NetHeader header, DescriptorChain chain)
    {
        Span<byte> copy = Copy(new NetFrame(default, chain));
        NetChecksum.TryComplete(copy, header.ChecksumStart, header.ChecksumOffset);
        Send(new NetFrame(default, copy), 0);
    }

    private void Send(NetFrame frame, int firstPieceBytes)
    {
        if (!session.IsLinkUp)
        {
            tally.SendsWithoutLink++;
            return;
        }

        frame = Whole(frame, firstPieceBytes);
        if (session.IsSpoofed(frame)) tally.SpoofedSends++;
        session.Learn(frame, pair);
        lane.Send(frame);
        tally.FramesSent++;
        tally.BytesSent += frame.Length;
    }

    /// <summary>The frame in one piece, if its first one is shorter than asked for.</summary>
    private NetFrame Whole(NetFrame frame, int firstPieceBytes) =>
        frame.IsWhole || frame.First.Length >= firstPieceBytes ? frame : new(frame.Header, Copy(frame));

    private Span<byte> Copy(NetFrame frame)
    {
        scratch ??= GC.AllocateUninitializedArray<byte>(NetFrame.MaxLength);
        frame.CopyTo(scratch);
        return scratch.AsSpan(0, frame.Length);
    }
}
