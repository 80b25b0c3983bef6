using Squib.Virtio.Devices.Block;
using Squib.Virtio.Queues;

namespace Squib.Fuzz.Devices;

/// <summary>A disk whose answers a script chooses: at once, later, too short, an error, an exception.</summary>
internal sealed class ScriptedDisk(int length) : IBlockBackend
{
    private const int MostPending = 64;

    private readonly byte[] bytes = new byte[length];
    private readonly List<TaskCompletionSource<BlockStatus>> pending = [];

    /// <summary>Who hears of what is wrong.</summary>
    internal DeviceBench? Bench { get; set; }

    /// <summary>Two bits for each answer, the next one lowest; 0 is done at once.</summary>
    internal uint Answers { get; set; }

    internal int Pending => pending.Count;

    public long Length => bytes.Length;

    public bool ReadOnly => false;

    public bool CanUnmap => true;

    /// <summary>Ends an operation that is under way.</summary>
    internal void Finish(int at, BlockStatus status)
    {
        TaskCompletionSource<BlockStatus> operation = pending[at];
        pending.RemoveAt(at);
        operation.TrySetResult(status);
    }

    internal void FinishAll()
    {
        while (pending.Count > 0) Finish(0, BlockStatus.Ok);
    }

    public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset)
    {
        CheckRange(offset, destination.Length);
        return Answer(
            isShort =>
            {
                int count = (int)destination.Length - (isShort ? 1 : 0);
                destination.TryWrite(bytes.AsSpan((int)offset, Math.Max(0, count)));
            },
            reset);
    }

    public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset)
    {
        CheckRange(offset, source.Length);
        return Answer(_ => source.TryRead(bytes.AsSpan((int)offset, (int)source.Length)), reset);
    }

    public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => Answer(_ => { }, reset);

    public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset)
    {
        CheckRange(offset, length);
        return Answer(_ => { }, reset);
    }

    public ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset)
    {
        CheckRange(offset, length);
        return Answer(_ => bytes.AsSpan((int)offset, (int)length).Clear(), reset);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void CheckRange(long offset, long length) => Bench?.Require(
        offset >= 0 && offset % 512 == 0 && length % 512 == 0 && offset <= Length - length, "The disk is asked for what it does not have.");

    private ValueTask<BlockStatus> Answer(Action<bool> work, CancellationToken reset)
    {
        uint answer = Answers & 3;
        Answers >>= 2;
        if (answer == 2 && (Answers & 3) == 2) throw new IOException("The disk is gone.");
        if (answer == 2) return new(BlockStatus.IoError);
        work(answer == 3);
        if (answer != 1 || pending.Count == MostPending) return new(BlockStatus.Ok);
        TaskCompletionSource<BlockStatus> operation = new();
        pending.Add(operation);
        reset.Register(() =>
        {
            pending.Remove(operation);
            operation.TrySetResult(BlockStatus.IoError);
        });
        return new(operation.Task);
    }
}
