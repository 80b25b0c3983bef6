namespace Squib.Virtio.Tests.Devices;

/// <summary>Time that passes when a test says so; timers fire while it passes.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly List<Timer> timers = [];
    private long now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>The number of timers that would fire.</summary>
    internal int Armed => timers.Count;

    public override long GetTimestamp() => now;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Timer timer = new(this, callback, state) { Due = now + dueTime.Ticks, Period = period.Ticks };
        timers.Add(timer);
        return timer;
    }

    internal void Advance(TimeSpan time)
    {
        long end = now + time.Ticks;
        while (timers.MinBy(timer => timer.Due) is { } next && next.Due <= end)
        {
            now = next.Due;
            next.Due += next.Period;
            next.Fire();
        }

        now = end;
    }

    private sealed class Timer(ManualTime owner, TimerCallback callback, object? state) : ITimer
    {
        internal long Due { get; set; }

        internal long Period { get; init; }

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose() => owner.timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal void Fire() => callback(state);
    }
}
