namespace Squib.Fuzz.Devices;

/// <summary>Time that passes when a script says so; timers fire while it passes, no more often than is bearable.</summary>
internal sealed class ManualTime : TimeProvider
{
    private const int MostFirings = 16;

    private readonly List<Timer> timers = [];
    private long now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

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
        for (int fired = 0; fired < MostFirings && timers.MinBy(timer => timer.Due) is { } next && next.Due <= end; fired++)
        {
            now = Math.Max(now, next.Due);
            if (next.Period > 0) next.Due += next.Period;
            else timers.Remove(next);
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
