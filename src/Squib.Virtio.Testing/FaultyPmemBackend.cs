using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.Pmem;

namespace Squib.Virtio.Testing;

/// <summary>What keeps persistent memory, and fails to as planned.</summary>
public sealed class FaultyPmemBackend : IPmemBackend
{
    private readonly FaultPlan plan;

    /// <summary>Makes a backend.</summary>
    /// <param name="plan">What goes wrong with its flushes.</param>
    public FaultyPmemBackend(FaultPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        this.plan = plan;
    }

    /// <summary>The flushes that wait.</summary>
    public LateCalls Waiting { get; } = new();

    /// <inheritdoc/>
    public async ValueTask FlushAsync(CancellationToken cancel)
    {
        HostFault fault = plan.Next();
        if (fault is HostFault.Late or HostFault.Twice)
            await Waiting.Add("flush", () => BlockStatus.Ok).Task.ConfigureAwait(false);
        else if (fault != HostFault.None)
            throw FaultPlan.ToException(fault) ?? FaultPlan.ToException(HostFault.IoError)!;
    }
}
