using System.Threading.Tasks.Sources;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Tests.Devices.Block;

/// <summary>
/// A disk in memory that writes down what is asked of it, fails as it is told, and may keep requests until they are
/// completed.
/// </summary>
internal sealed class SpyBlockBackend(int length) : IBlockBackend
{
    private readonly Stack<Operation> free = new();

    internal byte[] Bytes { get; } = new byte[length];

    /// <summary>What was asked, oldest first: "read 0+512" and the like.</summary>
    internal List<string> Calls { get; } = [];

    /// <summary>Whether to write calls down, which allocates.</summary>
    internal bool Records { get; set; } = true;

    /// <summary>Hears the first word of each call.</summary>
    internal Action<string>? Called { get; set; }

    /// <summary>Whether requests wait for <see cref="Operation.Complete"/>.</summary>
    internal bool Holds { get; set; }

    /// <summary>The requests that wait, oldest first.</summary>
    internal List<Operation> Held { get; } = [];

    /// <summary>What fails next instead of being done, by the first word of a call.</summary>
    internal Dictionary<string, Func<BlockStatus>> Faults { get; } = [];

    public long Length { get; set; } = length;

    public bool ReadOnly { get; init; }

    public bool CanUnmap { get; set; } = true;

    internal bool Disposed { get; private set; }

    internal int Count(string call) => Calls.Count(c => c.Split(' ')[0] == call);

    public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset) =>
        Run("read", offset, destination.Length, destination, null);

    public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset) =>
        Run("write", offset, source.Length, null, source);

    public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => Run("flush", 0, 0, null, null);

    public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset) =>
        Run("discard", offset, length, null, null);

    public ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset) =>
        Run(mayUnmap ? "unmap" : "zero", offset, length, null, null);

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        return ValueTask.CompletedTask;
    }

    private ValueTask<BlockStatus> Run(
        string what, long offset, long length, WritableSegments? to, ReadableSegments? from)
    {
        if (Records) Calls.Add($"{what} {offset}+{length}");
        Called?.Invoke(what);
        if (Faults.TryGetValue(what, out Func<BlockStatus>? fault)) return new(fault());
        Operation operation = free.Count > 0 ? free.Pop() : new(this);
        operation.Set(what, offset, length, to, from);
        if (!Holds) return new(operation.Do());
        Held.Add(operation);
        return operation.Task;
    }

    /// <summary>A request that the test completes.</summary>
    internal sealed class Operation(SpyBlockBackend owner) : IValueTaskSource<BlockStatus>
    {
        private ManualResetValueTaskSourceCore<BlockStatus> source;
        private string what = "";
        private long offset;
        private long length;
        private WritableSegments? to;
        private ReadableSegments? from;

        internal string What => what;

        internal long Offset => offset;

        internal ValueTask<BlockStatus> Task => new(this, source.Version);

        internal void Set(string what, long offset, long length, WritableSegments? to, ReadableSegments? from)
        {
            source.Reset();
            (this.what, this.offset, this.length, this.to, this.from) = (what, offset, length, to, from);
        }

        /// <summary>Does what was asked; the device's answer is in the ring when the method returns.</summary>
        internal void Complete()
        {
            owner.Held.Remove(this);
            BlockStatus status = Do();
            source.SetResult(status);
            owner.free.Push(this);
        }

        internal void Fail(Exception exception)
        {
            owner.Held.Remove(this);
            source.SetException(exception);
        }

        internal BlockStatus Do()
        {
            Span<byte> piece = owner.Bytes.AsSpan((int)offset, (int)length);
            bool done = true;
            if (to is { } destination) done = destination.TryWrite(piece);
            else if (from is { } data) done = data.TryRead(piece);
            else if (what is "zero" or "unmap" or "discard") piece.Clear();
            if (!owner.Holds) owner.free.Push(this);
            return done ? BlockStatus.Ok : BlockStatus.IoError;
        }

        BlockStatus IValueTaskSource<BlockStatus>.GetResult(short token) => source.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource<BlockStatus>.GetStatus(short token) => source.GetStatus(token);

        void IValueTaskSource<BlockStatus>.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            source.OnCompleted(continuation, state, token, flags);
    }
}
