using System.Threading.Tasks.Sources;

namespace Squib.Virtio.Queues;

/// <summary>A latched wake-up of one waiter, without allocation.</summary>
/// <remarks>
/// Rings while nobody waits are remembered as one. The continuation runs either at once on the ringing thread (inline) or on the
/// thread pool; which of the two is the host's choice and no concern of the device.
/// </remarks>
internal sealed class Doorbell : IValueTaskSource<bool>, IThreadPoolWorkItem
{
    private const int Idle = 0;
    private const int Waiting = 1;
    private const int Rung = 2;

    private readonly bool inline;
    private ManualResetValueTaskSourceCore<bool> source;
    private int state;
    private bool yielding;

    internal Doorbell(bool inline) => this.inline = inline;

    /// <summary>Wakes the waiter, now or when it next waits.</summary>
    internal void Ring()
    {
        if (Interlocked.Exchange(ref state, Rung) != Waiting) return;
        // Rings from here until the waiter runs are covered by its waking up.
        Volatile.Write(ref state, Idle);
        if (inline) source.SetResult(true);
        else ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Waits for the next ring, or for none if one is latched.</summary>
    internal ValueTask<bool> WaitAsync() => TryWait(out ValueTask<bool> wait) ? wait : new(true);

    /// <summary>Waits for the next ring.</summary>
    /// <returns>False if one was latched, which is thereby used up: there is nothing to wait for.</returns>
    internal bool TryWait(out ValueTask<bool> wait)
    {
        source.Reset();
        wait = new(this, source.Version);
        // The full fence of the exchange orders "I wait" before the caller's last look, so no ring falls in between.
        if (Interlocked.CompareExchange(ref state, Waiting, Idle) == Idle) return true;
        Volatile.Write(ref state, Idle);
        return false;
    }

    /// <summary>Goes on from a thread-pool thread, so that nobody is kept by a waiter that always has work.</summary>
    internal ValueTask<bool> YieldAsync()
    {
        source.Reset();
        Volatile.Write(ref state, Idle);
        // Not to the pool before the waiter has said how it goes on: a fast pool would be done by then, and the waiter stay.
        yielding = true;
        return new(this, source.Version);
    }

    void IThreadPoolWorkItem.Execute() => source.SetResult(true);

    bool IValueTaskSource<bool>.GetResult(short token) => source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => source.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        bool toPool = yielding;
        yielding = false;
        source.OnCompleted(continuation, state, token, flags);
        if (toPool) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
