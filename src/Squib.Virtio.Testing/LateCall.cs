using System.Threading.Tasks.Sources;
using Squib.Virtio.Devices.Block;

namespace Squib.Virtio.Testing;

/// <summary>A call of a backend that a test completes, on whatever thread it likes.</summary>
public sealed class LateCall : IValueTaskSource, IValueTaskSource<BlockStatus>
{
    private readonly Func<BlockStatus> work;
    private readonly bool twice;
    private ManualResetValueTaskSourceCore<BlockStatus> source;
    private Action<object?>? continuation;
    private object? state;

    internal LateCall(string name, Func<BlockStatus> work, bool twice)
    {
        Name = name;
        this.work = work;
        this.twice = twice;
    }

    /// <summary>What was asked: "read", "write", "flush" and the like.</summary>
    public string Name { get; }

    /// <summary>Whether it was completed.</summary>
    public bool IsCompleted { get; private set; }

    internal ValueTask Task => new(this, source.Version);

    internal ValueTask<BlockStatus> StatusTask => new(this, source.Version);

    /// <summary>Does what was asked, and says so to whoever waits before it returns.</summary>
    /// <param name="fault">What is to go wrong now.</param>
    public void Complete(HostFault fault = HostFault.None)
    {
        IsCompleted = true;
        if (FaultPlan.ToException(fault) is { } failure) source.SetException(failure);
        else source.SetResult(work());
        // What no backend may do, and what must not give a buffer back twice.
        if (twice) continuation?.Invoke(state);
    }

    void IValueTaskSource.GetResult(short token) => source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => source.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        OnCompleted(continuation, state, token, flags);

    BlockStatus IValueTaskSource<BlockStatus>.GetResult(short token) => source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<BlockStatus>.GetStatus(short token) => source.GetStatus(token);

    void IValueTaskSource<BlockStatus>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        OnCompleted(continuation, state, token, flags);

    private void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        this.continuation = continuation;
        this.state = state;
        source.OnCompleted(continuation, state, token, flags);
    }
}
