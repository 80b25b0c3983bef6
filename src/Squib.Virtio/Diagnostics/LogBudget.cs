using Squib.Virtio.Limits;

namespace Squib.Virtio.Diagnostics;

/// <summary>How many lines of one kind a guest can cause: a few at once, then one every ten minutes.</summary>
internal sealed class LogBudget
{
    /// <summary>Enough to see that something repeats.</summary>
    private const int LinesAtOnce = 5;

    private const double LinesPerSecond = 1.0 / 600;

    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private TokenBucket bucket;
    private long refilledAt;
    private long refused;

    internal LogBudget(TimeProvider time)
    {
        this.time = time;
        refilledAt = time.GetTimestamp();
        bucket.Set(LinesPerSecond, LinesAtOnce);
    }

    /// <summary>The number of lines that were left out.</summary>
    internal long Refused => Volatile.Read(ref refused);

    /// <summary>Whether a line may be logged; if not it is counted.</summary>
    internal bool TryTake()
    {
        lock (gate)
        {
            long now = time.GetTimestamp();
            bucket.Refill(time.GetElapsedTime(refilledAt, now).TotalSeconds);
            refilledAt = now;
            if (!bucket.HasToken)
            {
                refused++;
                return false;
            }

            bucket.Take(1);
            return true;
        }
    }
}
