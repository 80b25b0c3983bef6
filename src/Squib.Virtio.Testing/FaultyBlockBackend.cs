using Squib.Virtio.Devices.Block;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Testing;

/// <summary>A disk in memory that fails as planned.</summary>
/// <remarks>Faults are taken from the plan in the order in which calls come.</remarks>
public sealed class FaultyBlockBackend : IBlockBackend
{
    private readonly byte[] bytes;
    private readonly FaultPlan plan;
    private long outOfRange;

    /// <summary>Makes a disk.</summary>
    /// <param name="length">Its length in bytes, a multiple of 512.</param>
    /// <param name="plan">What goes wrong.</param>
    public FaultyBlockBackend(int length, FaultPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        this.plan = plan;
        bytes = new byte[length];
        Length = length;
    }

    /// <summary>What is on the disk.</summary>
    public Span<byte> Bytes => bytes;

    /// <summary>The calls that wait.</summary>
    public LateCalls Waiting { get; } = new();

    /// <summary>The number of calls for bytes that are not on the disk; no device may make one.</summary>
    public long OutOfRange => Interlocked.Read(ref outOfRange);

    /// <inheritdoc/>
    public long Length { get; }

    /// <inheritdoc/>
    public bool ReadOnly => false;

    /// <inheritdoc/>
    public bool CanUnmap => true;

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset)
    {
        int length = Check(offset, destination.Length);
        return RunAsync("read", share => destination.TryWrite(bytes.AsSpan((int)offset, (int)(length * share))));
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset)
    {
        int length = Check(offset, source.Length);
        return RunAsync("write", share => source.TryRead(bytes.AsSpan((int)offset, (int)(length * share))));
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => RunAsync("flush", _ => true);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset)
    {
        Check(offset, length);
        return RunAsync("discard", _ => true);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset)
    {
        Check(offset, length);
        return RunAsync("zero", share =>
        {
            bytes.AsSpan((int)offset, (int)(length * share)).Clear();
            return true;
        });
    }

    /// <summary>Does nothing.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private int Check(long offset, long length)
    {
        if (offset >= 0 && length >= 0 && offset <= bytes.Length - length) return (int)length;
        Interlocked.Increment(ref outOfRange);
        throw new ArgumentOutOfRangeException(nameof(offset), $"{offset}+{length} is not on the disk.");
    }

    private ValueTask<BlockStatus> RunAsync(string name, Func<double, bool> move)
    {
        HostFault fault = plan.Next();
        if (FaultPlan.ToException(fault) is { } failure) throw failure;
        if (fault is HostFault.Late or HostFault.Twice)
            return Waiting.Add(name, () => Move(move, 1), fault == HostFault.Twice).StatusTask;
        double share = fault switch { HostFault.None => 1, HostFault.NoProgress => 0, _ => 0.5 };
        BlockStatus status = Move(move, share);
        if (fault == HostFault.FailsHalfway) throw FaultPlan.ToException(HostFault.IoError)!;
        return new(status);
    }

    private static BlockStatus Move(Func<double, bool> move, double share) =>
        move(share) ? BlockStatus.Ok : BlockStatus.IoError;
}
