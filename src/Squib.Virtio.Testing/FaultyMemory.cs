using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Mem;

namespace Squib.Virtio.Testing;

/// <summary>
/// The owner of memory that a balloon gives back, or a memory device plugs, and who fails as planned: by an exception for
/// <see cref="HostFault.IoError"/> and the like, by saying no for all others.
/// </summary>
public sealed class FaultyMemory : IMemoryReclaimer, IMemBackend
{
    private readonly FaultPlan plan;
    private long outOfRange;
    private long discarded;

    /// <summary>Makes an owner.</summary>
    /// <param name="length">The length of the memory in bytes.</param>
    /// <param name="plan">What goes wrong.</param>
    /// <param name="pageBytes">The size in bytes of what can be taken back.</param>
    public FaultyMemory(long length, FaultPlan plan, int pageBytes = 4096)
    {
        ArgumentNullException.ThrowIfNull(plan);
        this.plan = plan;
        Length = length;
        PageBytes = pageBytes;
    }

    /// <inheritdoc/>
    public long Length { get; }

    /// <inheritdoc/>
    public int PageBytes { get; }

    /// <summary>The number of bytes taken back.</summary>
    public long Discarded => Interlocked.Read(ref discarded);

    /// <summary>The number of calls for ranges that are not whole pages of the memory; no device may make one.</summary>
    public long OutOfRange => Interlocked.Read(ref outOfRange);

    /// <inheritdoc/>
    public bool TryDiscard(long offset, long length)
    {
        if (!TryAnswer(offset, length)) return false;
        Interlocked.Add(ref discarded, length);
        return true;
    }

    /// <inheritdoc/>
    public bool TryPlug(long offset, long length) => TryAnswer(offset, length);

    /// <inheritdoc/>
    public bool TryUnplug(long offset, long length) => TryAnswer(offset, length);

    private bool TryAnswer(long offset, long length)
    {
        bool inRange = offset >= 0 && length > 0 && offset <= Length - length && (offset | length) % PageBytes == 0;
        if (!inRange) Interlocked.Increment(ref outOfRange);
        HostFault fault = plan.Next();
        return FaultPlan.ToException(fault) is { } failure ? throw failure : inRange && fault == HostFault.None;
    }
}
