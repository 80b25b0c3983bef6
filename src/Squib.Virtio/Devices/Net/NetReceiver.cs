using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Squib.Virtio.Limits;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Net;

/// <summary>The loop of one receive queue in one session: takes frames from the backend and puts them into the driver's buffers.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The loop disposes of the gate.")]
internal sealed class NetReceiver
{
    private readonly NetSession session;
    private readonly NetLane lane;
    private readonly Virtqueue queue;
    private readonly NetTally tally;
    private readonly NetGathering gathering;
    private readonly int pair;
    private readonly bool merges;
    private readonly byte[] headerBytes = new byte[NetHeader.Size];
    private readonly Doorbell bell = new(inline: true);
    private readonly RateGate gate;

    internal NetReceiver(NetSession session, NetLane lane, Virtqueue queue, int pair, NetTally tally, RateControl control)
    {
        gate = new(control, queue);
        this.session = session;
        this.lane = lane;
        this.queue = queue;
        this.pair = pair;
        this.tally = tally;
        gathering = new(queue);
        merges = session.MergesBuffers;
    }

    private enum Placement
    {
        /// <summary>The frame is in its buffer, or lost.</summary>
        Done,

        /// <summary>The driver has no buffer left; the frame waits.</summary>
        NoBuffer,

        /// <summary>The frame needs several buffers, and they are gathered, or never can be.</summary>
        Gathered,
    }

    private bool IsMine => lane.Holder == pair && pair < session.Pairs;

    /// <summary>Says that there may be a frame for this queue.</summary>
    internal void Wake() => bell.Ring();

    internal async Task RunAsync()
    {
        using RateGate leaving = gate;
        using CancellationTokenRegistration wake = session.Reset.UnsafeRegister(static bell => ((Doorbell)bell!).Ring(), bell);
        NetLook look = Look();
        while (!session.Reset.IsCancellationRequested)
        {
            switch (look)
            {
                case NetLook.Frame:
                    // First there is a frame: buffers that the driver has lent wait here for hours.
                    if (!await gate.WaitAsync().ConfigureAwait(false)) return;
                    if (queue.IsStopping) gathering.GiveBack();
                    look = Deliver();
                    break;
                case NetLook.Later:
                    await bell.YieldAsync().ConfigureAwait(false);
                    look = Look();
                    break;
                default:
                    if (look == NetLook.Elsewhere) session.WakeReceiver(lane.Holder);
                    await queue.RestAsync(bell).ConfigureAwait(false);
                    look = Look();
                    break;
            }
        }

        gathering.GiveBack();
    }

    private NetLook Look()
    {
        NetLook look = NetLook.Nothing;
        lock (lane.Gate)
        {
            if (IsMine) look = lane.Find(pair, tally, out _, out _);
        }

        lane.EndReceive();
        return look;
    }

    /// <summary>Puts a batch of frames into buffers, as far as there are both.</summary>
    /// <returns>What there is when either has run out.</returns>
    private NetLook Deliver()
    {
        NetLook look = NetLook.Nothing;
        lock (lane.Gate)
        {
            if (IsMine)
            {
                look = DeliverBatch(out bool gathered);
                if (gathered) FinishGathered();
            }
        }

        lane.EndReceive();
        return look;
    }

    private NetLook DeliverBatch(out bool gathered)
    {
        gathered = false;
        NetLook look;
        QueueBatch batch = queue.BeginBatch();
        try
        {
            while ((look = lane.Find(pair, tally, out NetHeader header, out ReadOnlySpan<byte> frame)) == NetLook.Frame
                && gate.MayPass())
            {
                Placement placement = Place(ref batch, header, frame);
                gathered = placement == Placement.Gathered;
                if (placement != Placement.Done) break;
                lane.Consume();
            }
        }
        finally
        {
            batch.Dispose();
        }

        return look;
    }

    private Placement Place(ref QueueBatch batch, in NetHeader header, ReadOnlySpan<byte> frame)
    {
        int needed = NetHeader.Size + frame.Length;
        if (!gathering.IsEmpty) return Gather(ref batch, needed);
        if (!TryTake(ref batch, merges ? NetHeader.Size : 1, out DescriptorChain? chain)) return Placement.NoBuffer;
        if (chain.Writable.Length >= needed)
        {
            Fill(chain.Writable, header, frame);
            batch.Return(chain);
            Count(frame.Length);
            return Placement.Done;
        }

        if (merges)
        {
            gathering.Add(chain);
            return Gather(ref batch, needed);
        }

        // MUST (5.1.6.3.2): without MRG_RXBUF a frame uses one buffer; half a frame is worth nothing.
        batch.Return(chain);
        tally.NoBufferFits++;
        return Placement.Done;
    }

    private Placement Gather(ref QueueBatch batch, int needed)
    {
        while (gathering.Bytes < needed && gathering.Count < queue.Size)
        {
            if (!TryTake(ref batch, 1, out DescriptorChain? chain)) return Placement.NoBuffer;
            gathering.Add(chain);
        }

        return Placement.Gathered;
    }

    /// <summary>Puts the next frame into the buffers that were gathered for it.</summary>
    private void FinishGathered()
    {
        // The link may have gone down, or the filter changed, since they were.
        if (lane.Find(pair, tally, out NetHeader header, out ReadOnlySpan<byte> frame) != NetLook.Frame) return;
        if (gathering.TryFill(header, frame))
        {
            Count(frame.Length);
        }
        else if (gathering.Count < queue.Size)
        {
            // They were gathered for another frame; this one is larger, and there may be more of them.
            return;
        }
        else
        {
            // All buffers that the ring can hold together are too small for it.
            gathering.GiveBack();
            tally.NoBufferFits++;
        }

        lane.Consume();
        gathering.Publish();
    }

    /// <summary>Takes the next buffer that can be used; others go back empty.</summary>
    private bool TryTake(ref QueueBatch batch, int least, [NotNullWhen(true)] out DescriptorChain? chain)
    {
        while (batch.TryTake(out chain))
        {
            if (chain.Readable.Length == 0 && chain.Writable.Length >= least) return true;
            batch.Return(chain);
            tally.BadBuffers++;
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Fill(WritableSegments buffer, in NetHeader header, ReadOnlySpan<byte> frame)
    {
        // MUST (5.1.6.4.1): num_buffers is 1 for a frame in one buffer, also without MRG_RXBUF.
        NetHeader told = header with { Buffers = 1 };
        Span<byte> first = buffer.First;
        if (first.Length >= NetHeader.Size + frame.Length)
        {
            told.Write(first);
            frame.CopyTo(first[NetHeader.Size..]);
            buffer.Advance(NetHeader.Size + frame.Length);
            return;
        }

        told.Write(headerBytes);
        buffer.TryWrite(headerBytes);
        buffer.TryWrite(frame);
    }

    private void Count(int bytes)
    {
        tally.FramesReceived++;
        tally.BytesReceived += bytes;
        gate.Charge(bytes);
    }
}
