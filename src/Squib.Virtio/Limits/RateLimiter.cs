using System.Diagnostics.CodeAnalysis;

namespace Squib.Virtio.Limits;

/// <summary>Limits the bytes and the requests of a second, of one device or of all that share it.</summary>
/// <remarks>
/// A request passes while there is credit and is paid for by what it moved: one that is larger than the credit passes,
/// and the next waits until it is paid off. Queues that wait have their turns one after the other, so those that share
/// a limiter starve none of them. A queue that waits has taken nothing: a reset finds it idle. Any thread may call all
/// members. There is a timer only while a queue waits.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "A timer that is not armed holds nothing.")]
public sealed class RateLimiter
{
    // Timers have limits; who waits longer is looked at again.
    private const double LongestWaitSeconds = 86_400;

    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private readonly List<RateGate> waiting = [];
    private RateLimits limits;
    private TokenBucket bytes;
    private TokenBucket operations;
    private long refilledAt;
    private ITimer? timer;
    private bool isArmed;

    /// <summary>Makes a limiter whose buckets are full.</summary>
    /// <param name="limits">What passes.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ArgumentException">A limit cannot be.</exception>
    public RateLimiter(RateLimits limits, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(limits);
        this.time = time ?? TimeProvider.System;
        refilledAt = this.time.GetTimestamp();
        Use(limits);
    }

    /// <summary>What passes.</summary>
    public RateLimits Limits => Volatile.Read(ref limits);

    /// <summary>Changes what passes, at once also for those that wait.</summary>
    /// <param name="limits">The new limits.</param>
    /// <exception cref="ArgumentException">A limit cannot be; nothing changes.</exception>
    public void Update(RateLimits limits)
    {
        ArgumentNullException.ThrowIfNull(limits);
        lock (gate)
        {
            Refill();
            Use(limits);
            Disarm();
        }

        Grant();
    }

    /// <summary>Whether a queue may take a request now; if not it waits for its turn, of which it hears.</summary>
    internal bool MayPass(RateGate one)
    {
        lock (gate)
        {
            Refill();
            bool isFirst = one.IsGranted || waiting.Count == 0 || ReferenceEquals(waiting[0], one);
            if (isFirst && HasCredit)
            {
                Remove(one);
                return true;
            }

            one.IsGranted = false;
            if (!waiting.Contains(one))
            {
                one.CountThrottled();
                waiting.Add(one);
            }

            Arm();
            return false;
        }
    }

    /// <summary>Pays for what has passed.</summary>
    internal void Charge(long requests, long movedBytes)
    {
        lock (gate)
        {
            operations.Take(requests);
            bytes.Take(movedBytes);
        }
    }

    /// <summary>A queue waits no longer.</summary>
    internal void Leave(RateGate one)
    {
        lock (gate) Remove(one);
    }

    /// <summary>Wakes all who wait: they may have another limiter by now.</summary>
    internal void Dismiss()
    {
        RateGate[] dismissed;
        lock (gate)
        {
            dismissed = [.. waiting];
            waiting.Clear();
            Disarm();
        }

        foreach (RateGate one in dismissed) one.Wake();
    }

    private bool HasCredit => bytes.HasToken && operations.HasToken;

    [MemberNotNull(nameof(limits))]
    private void Use(RateLimits next)
    {
        next.Validate();
        limits = next;
        bytes.Set(next.BytesPerSecond, next.BurstBytes);
        operations.Set(next.OperationsPerSecond, next.BurstOperations);
    }

    private void Refill()
    {
        long now = time.GetTimestamp();
        double seconds = time.GetElapsedTime(refilledAt, now).TotalSeconds;
        refilledAt = now;
        bytes.Refill(seconds);
        operations.Refill(seconds);
    }

    /// <summary>Gives those who wait their turns while there is credit, then waits for more.</summary>
    private void Grant()
    {
        while (true)
        {
            RateGate next;
            lock (gate)
            {
                Refill();
                if (waiting.Count == 0 || !HasCredit)
                {
                    Arm();
                    return;
                }

                next = waiting[0];
                Remove(next);
                next.IsGranted = true;
            }

            // Outside the lock: the queue's loop may run right here, pay and come back to wait again.
            next.Wake();
        }
    }

    private void Remove(RateGate one)
    {
        one.IsGranted = false;
        if (waiting.Remove(one) && waiting.Count == 0) Disarm();
    }

    private void Arm()
    {
        if (isArmed || waiting.Count == 0) return;
        isArmed = true;
        timer ??= time.CreateTimer(
            static self => ((RateLimiter)self!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        double seconds = Math.Min(Math.Max(bytes.SecondsToToken, operations.SecondsToToken), LongestWaitSeconds);
        // Timers count milliseconds and cut off what is less: without rounding up they would fire in vain.
        timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(seconds * 1000)), Timeout.InfiniteTimeSpan);
    }

    private void OnTimer()
    {
        lock (gate) isArmed = false;
        Grant();
    }

    private void Disarm()
    {
        if (!isArmed) return;
        isArmed = false;
        timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}
