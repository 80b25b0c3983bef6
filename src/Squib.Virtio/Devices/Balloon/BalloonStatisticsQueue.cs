using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Balloon;

/// <summary>The statistics of a balloon: the driver's one buffer stays here until new figures are wanted.</summary>
internal sealed class BalloonStatisticsQueue
{
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly List<TaskCompletionSource<BalloonStatistics>> waiting = [];
    private Virtqueue? queue;
    private DescriptorChain? held;
    private ITimer? timer;
    private TimeSpan interval;
    private BalloonStatistics? latest;
    private long reports;

    internal BalloonStatisticsQueue(TimeProvider time, TimeSpan interval)
    {
        this.time = time;
        this.interval = interval;
    }

    internal BalloonStatistics? Latest => Volatile.Read(ref latest);

    internal long Reports => Interlocked.Read(ref reports);

    internal TimeSpan Interval
    {
        get
        {
            lock (gate) return interval;
        }

        set
        {
            lock (gate)
            {
                interval = value;
                SetTimer(queue is not null);
            }
        }
    }

    /// <summary>Refuses what is no interval of a timer.</summary>
    internal static void CheckInterval(TimeSpan interval, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(interval, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(interval, TimeSpan.FromMilliseconds(uint.MaxValue - 1), name);
    }

    /// <summary>Asks for new figures.</summary>
    internal Task<BalloonStatistics> AskAsync(CancellationToken cancel)
    {
        TaskCompletionSource<BalloonStatistics> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate) waiting.Add(answer);
        ReturnHeld();
        return answer.Task.WaitAsync(cancel);
    }

    internal async Task RunAsync(Virtqueue own, CancellationToken reset)
    {
        lock (gate)
        {
            queue = own;
            SetTimer(true);
        }

        using (reset.UnsafeRegister(static self => ((BalloonStatisticsQueue)self!).ReturnHeld(), this))
        {
            while (await own.WaitAsync().ConfigureAwait(false))
            {
                Take(own);
                // A queue that the driver resets alone, or a session that ended meanwhile, wants its buffer back.
                if (own.IsStopping || reset.IsCancellationRequested) ReturnHeld();
            }
        }

        lock (gate)
        {
            queue = null;
            SetTimer(false);
        }
    }

    private void Take(Virtqueue own)
    {
        DescriptorChain? before = null;
        using (QueueBatch batch = own.BeginBatch())
        {
            while (batch.TryTake(out DescriptorChain? chain))
            {
                Accept(BalloonStatistics.Read(chain.Readable, time.GetUtcNow()));
                // A second buffer takes the place of the first.
                lock (gate) (before, held) = (held, chain);
                if (before is not null) batch.Return(before);
            }
        }
    }

    private void Accept(BalloonStatistics report)
    {
        TaskCompletionSource<BalloonStatistics>[] asked;
        lock (gate)
        {
            latest = report;
            reports++;
            asked = [.. waiting];
            waiting.Clear();
        }

        foreach (TaskCompletionSource<BalloonStatistics> answer in asked) answer.TrySetResult(report);
    }

    private void ReturnHeld()
    {
        DescriptorChain? chain;
        Virtqueue? from;
        lock (gate)
        {
            (chain, from) = (held, queue);
            if (from is null) return;
            held = null;
        }

        if (chain is not null) from.Return(chain);
    }

    private void SetTimer(bool runs)
    {
        timer?.Dispose();
        timer = runs && interval > TimeSpan.Zero
            ? time.CreateTimer(static self => ((BalloonStatisticsQueue)self!).ReturnHeld(), this, interval, interval)
            : null;
    }
}
