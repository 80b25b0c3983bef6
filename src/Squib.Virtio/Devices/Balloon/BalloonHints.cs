using System.Buffers.Binary;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Balloon;

/// <summary>Hints at free pages: rounds that the host asks for, each with a command id of its own.</summary>
internal sealed class BalloonHints
{
    private const uint Stop = 0;
    private const uint Done = 1;
    private const uint FirstId = 2;

    private readonly ConfigSpace config;
    private readonly BalloonPages pages;
    private readonly bool discards;
    private readonly Lock gate = new();
    private readonly PageSet hinted = new();
    private TaskCompletionSource? round;
    private BalloonHinting state;
    private uint current = Stop;
    private uint lastId = FirstId - 1;

    // The command id under which the driver says that it sends; STOP between rounds.
    private uint driverId = Stop;

    internal BalloonHints(ConfigSpace config, BalloonPages pages, bool discards)
    {
        this.config = config;
        this.pages = pages;
        this.discards = discards;
    }

    internal BalloonHinting State
    {
        get
        {
            lock (gate) return state;
        }
    }

    internal IReadOnlyList<PageRange> Pages
    {
        get
        {
            lock (gate) return hinted.ToRanges();
        }
    }

    /// <summary>Asks the driver for hints.</summary>
    /// <returns>A task that is done when the driver has sent all of them.</returns>
    internal Task Start()
    {
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            round?.TrySetCanceled();
            round = begun;
            hinted.Clear();
            state = BalloonHinting.Running;
            // MUST NOT (5.5.6.5.1): an id is not used again before the driver has said STOP; ids go round once in
            // four billion.
            lastId = lastId == uint.MaxValue ? FirstId : lastId + 1;
            SetCommand(lastId);
        }

        return begun.Task;
    }

    /// <summary>Asks the driver to send no more.</summary>
    internal void End(bool done)
    {
        lock (gate)
        {
            round?.TrySetCanceled();
            round = null;
            state = done ? BalloonHinting.Done : BalloonHinting.Stopped;
            // MUST (5.5.6.5.1): the driver is told DONE when the pages are no longer needed.
            SetCommand(done ? Done : Stop);
        }
    }

    internal async Task RunAsync(Virtqueue queue, GuestMemory memory)
    {
        while (await queue.WaitAsync().ConfigureAwait(false)) ServeBatch(queue, memory);
    }

    /// <summary>Forgets the round of a session that is over.</summary>
    internal void Reset()
    {
        lock (gate)
        {
            round?.TrySetCanceled();
            round = null;
            hinted.Clear();
            state = BalloonHinting.Stopped;
            driverId = current = Stop;
            BalloonConfig.Set(config, BalloonConfig.HintCommand, Stop);
        }
    }

    private void ServeBatch(Virtqueue queue, GuestMemory memory)
    {
        Span<byte> command = stackalloc byte[sizeof(uint)];
        using QueueBatch batch = queue.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            if (chain.Readable.TryRead(command)) TakeCommand(BinaryPrimitives.ReadUInt32LittleEndian(command));
            foreach (GuestSegment segment in chain.Writable.Segments)
                TakePages(PageRange.Inside(segment.Address, (ulong)segment.Length));
            batch.Return(chain);
        }
    }

    private void TakeCommand(uint id)
    {
        TaskCompletionSource? complete = null;
        lock (gate)
        {
            bool ends = id == Stop && driverId == current && state == BalloonHinting.Running;
            driverId = id;
            if (ends)
            {
                (complete, round) = (round, null);
                state = BalloonHinting.Complete;
            }
        }

        complete?.TrySetResult();
    }

    private void TakePages(in PageRange range)
    {
        if (range.Count == 0) return;
        lock (gate)
        {
            // MUST (5.5.6.5.1): pages under another id than the current one are ignored. MUST NOT: none changes after
            // DONE.
            if (state != BalloonHinting.Running || driverId != current) return;
            hinted.Add(range);
            pages.CountHint(range, discards);
        }
    }

    private void SetCommand(uint id)
    {
        current = id;
        BalloonConfig.Update(config, BalloonConfig.HintCommand, id);
    }
}
