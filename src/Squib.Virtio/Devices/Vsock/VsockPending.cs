using System.Threading.Tasks.Sources;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>A read or a write that waits for the guest: one at a time, used again for the next, so that none is allocated.</summary>
/// <remarks>
/// All but the interfaces is called under the lock of the connection. Whoever waits goes on on a thread of the pool, so that what
/// it does holds up neither the device nor the lock.
/// </remarks>
internal sealed class VsockPending : IValueTaskSource<VsockOutcome>, IValueTaskSource<VsockReceived>, IValueTaskSource<int>,
    IValueTaskSource, IThreadPoolWorkItem
{
    private ManualResetValueTaskSourceCore<VsockOutcome> source;
    private CancellationTokenRegistration registration;
    private VsockOutcome outcome;
    private bool inUse;
    private bool awaited;

    /// <summary>Whether it has begun and not ended.</summary>
    internal bool IsActive { get; private set; }

    /// <summary>The number by which a value task knows this operation.</summary>
    internal short Version => source.Version;

    /// <summary>Begins.</summary>
    /// <exception cref="InvalidOperationException">The last one has not ended, or its result was not taken.</exception>
    internal void Begin()
    {
        if (inUse) throw new InvalidOperationException("Only one read and one write can be under way at a time.");
        source.Reset();
        inUse = true;
        IsActive = true;
        awaited = false;
    }

    /// <summary>Ends the operation.</summary>
    internal void Finish(in VsockOutcome result)
    {
        IsActive = false;
        outcome = result;
        if (awaited) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Takes the result if it is there already; otherwise somebody will await it.</summary>
    internal bool TryTake(out VsockOutcome result)
    {
        result = outcome;
        if (IsActive)
        {
            awaited = true;
            return false;
        }

        inUse = false;
        return true;
    }

    /// <summary>Lets a token end the operation. Not under the lock: the token may have fired.</summary>
    internal void CancelWith(Action<object?> action, object state, CancellationToken cancel)
    {
        if (cancel.CanBeCanceled) registration = cancel.UnsafeRegister(action, state);
    }

    void IThreadPoolWorkItem.Execute() => source.SetResult(outcome);

    ValueTaskSourceStatus IValueTaskSource<VsockOutcome>.GetStatus(short token) => source.GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource<VsockReceived>.GetStatus(short token) => source.GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => source.GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => source.GetStatus(token);

    void IValueTaskSource<VsockOutcome>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        source.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource<VsockReceived>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        source.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource<int>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        source.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        source.OnCompleted(continuation, state, token, flags);

    VsockOutcome IValueTaskSource<VsockOutcome>.GetResult(short token) => GetOutcome(token);

    VsockReceived IValueTaskSource<VsockReceived>.GetResult(short token) => GetOutcome(token).ToReceived();

    int IValueTaskSource<int>.GetResult(short token) => GetOutcome(token).ToCount();

    void IValueTaskSource.GetResult(short token) => GetOutcome(token).ToCount();

    private VsockOutcome GetOutcome(short token)
    {
        VsockOutcome result = source.GetResult(token);
        // Waits for a callback that is running, so that a late one cannot end the next operation.
        registration.Dispose();
        registration = default;
        Volatile.Write(ref inUse, false);
        return result;
    }
}
