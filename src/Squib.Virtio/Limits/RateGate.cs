using System.Runtime.CompilerServices;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Limits;

/// <summary>Where the loop of one queue asks whether it may take the next request, and waits if it may not.</summary>
/// <remarks>
/// <code>
/// using RateGate gate = new(control, queue);
/// while (await gate.WaitAsync())
/// {
///     using QueueBatch batch = queue.BeginBatch();
///     while (gate.MayPass() &amp;&amp; batch.TryTake(out DescriptorChain? chain))
///     {
///         // serve the chain
///         gate.Charge(bytes);
///         batch.Return(chain);
///     }
/// }
/// </code>
/// Nothing is taken that would have to be kept, so a queue that waits here can be stopped and reset at any time, and
/// what earlier requests led to is published meanwhile. Without a limiter a request costs a look at one field.
/// </remarks>
internal sealed class RateGate(RateControl control, Virtqueue queue) : IDisposable
{
    /// <summary>Whether the loop was told to wait and has not begun to.</summary>
    internal bool IsThrottled { get; private set; }

    /// <summary>Whether it is the queue's turn; the limiter's own.</summary>
    internal bool IsGranted { get; set; }

    /// <summary>Waits until there may be something to take that may be taken.</summary>
    /// <returns>What <see cref="Virtqueue.WaitAsync"/> says: false when the session is over.</returns>
    internal ValueTask<bool> WaitAsync()
    {
        if (!IsThrottled) return queue.WaitAsync();
        IsThrottled = false;
        return queue.RestAsync();
    }

    /// <summary>Whether the next request may be taken; if not, the loop waits by <see cref="WaitAsync"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool MayPass() => control.Limiter is not { } limiter || MayPass(limiter);

    /// <summary>Pays for a request that was taken.</summary>
    internal void Charge(long bytes, long requests = 1) => control.Limiter?.Charge(requests, bytes);

    internal void CountThrottled() => control.CountThrottled();

    internal void Wake() => queue.Wake();

    /// <summary>The loop ends.</summary>
    public void Dispose() => control.Limiter?.Leave(this);

    private bool MayPass(RateLimiter limiter)
    {
        while (!limiter.MayPass(this))
        {
            // Whoever changes the limiter wakes those who wait at the old one: if that was before, it is seen here.
            RateLimiter? now = control.Limiter;
            if (ReferenceEquals(now, limiter))
            {
                IsThrottled = true;
                return false;
            }

            limiter.Leave(this);
            if (now is null) break;
            limiter = now;
        }

        IsThrottled = false;
        return true;
    }
}
