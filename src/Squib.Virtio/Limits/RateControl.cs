namespace Squib.Virtio.Limits;

/// <summary>What limits one direction of a device, if anything does; it can change while queues wait.</summary>
internal sealed class RateControl(RateLimiter? limiter)
{
    private RateLimiter? limiter = limiter;
    private long throttled;

    internal RateLimiter? Limiter
    {
        get => Volatile.Read(ref limiter);
        set
        {
            RateLimiter? before = Interlocked.Exchange(ref limiter, value);
            if (!ReferenceEquals(before, value)) before?.Dismiss();
        }
    }

    /// <summary>How often a queue has had to wait.</summary>
    internal long Throttled => Volatile.Read(ref throttled);

    internal void CountThrottled() => Interlocked.Increment(ref throttled);
}
