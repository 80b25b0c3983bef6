namespace Squib.Virtio.Tests.Devices.Vsock;

/// <summary>Time that passes when a test says so, and the timers that go by it.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<ManualTimer> timers = [];
    private TimeSpan now;

    public int Timers
    {
        get
        {
            lock (gate) return timers.Count;
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ManualTimer timer = new(this, callback, state) { Due = now + dueTime };
        lock (gate) timers.Add(timer);
        return timer;
    }

    public void Advance(TimeSpan span)
    {
        now += span;
        ManualTimer[] due;
        lock (gate) due = [.. timers.Where(timer => timer.Due <= now)];
        foreach (ManualTimer timer in due) timer.Fire();
    }

    private void Remove(ManualTimer timer)
    {
        lock (gate) timers.Remove(timer);
    }

    private sealed class ManualTimer(ManualTime owner, TimerCallback callback, object? state) : ITimer
    {
        public TimeSpan Due { get; init; }

        public void Fire()
        {
            owner.Remove(this);
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose() => owner.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
