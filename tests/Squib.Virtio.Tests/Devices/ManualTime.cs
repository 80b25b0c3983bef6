namespace Squib.Virtio.Tests.Devices;

/// <summary>Time that passes when a test says so; timers fire while it passes.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<Timer> timers = [];
    private long now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>The number of timers that would fire.</summary>
    internal int Armed
    {
        get
        {
            lock (gate) return timers.Count(timer => timer.Due != Timer.Never);
        }
    }

    public override long GetTimestamp() => now;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Timer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        lock (gate) timers.Add(timer);
        return timer;
    }

    internal void Advance(TimeSpan time)
    {
        long end = now + time.Ticks;
        while (Next() is { } next && next.Due <= end)
        {
            now = Math.Max(now, next.Due);
            next.Fire();
        }

        now = end;
    }

    /// <summary>The timer that fires first; tests count what passing time allocates.</summary>
    private Timer? Next()
    {
        Timer? first = null;
        lock (gate)
        {
            foreach (Timer timer in timers)
            {
                if (first is null || timer.Due < first.Due) first = timer;
            }
        }

        return first;
    }

    private sealed class Timer(ManualTime owner, TimerCallback callback, object? state) : ITimer
    {
        internal const long Never = long.MaxValue;

        private long period;

        internal long Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Due = dueTime == Timeout.InfiniteTimeSpan ? Never : owner.now + dueTime.Ticks;
            this.period = period == Timeout.InfiniteTimeSpan ? Never : period.Ticks;
            return true;
        }

        public void Dispose()
        {
            lock (owner.gate) owner.timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal void Fire()
        {
            Due = period == Never ? Never : Due + period;
            callback(state);
        }
    }
}
