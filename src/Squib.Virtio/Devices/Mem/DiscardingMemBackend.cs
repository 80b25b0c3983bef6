using Squib.Virtio.Devices.Balloon;

namespace Squib.Virtio.Devices.Mem;

/// <summary>Memory that is always mapped, and whose pages go back to the host when they are unplugged.</summary>
public sealed class DiscardingMemBackend : IMemBackend
{
    private readonly IMemoryReclaimer memory;

    /// <summary>Makes a backend.</summary>
    /// <param name="memory">
    /// The owner of the region's memory: as long as the region, and zero where it was not used.
    /// </param>
    public DiscardingMemBackend(IMemoryReclaimer memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        this.memory = memory;
    }

    /// <inheritdoc/>
    public bool TryPlug(long offset, long length) => true;

    /// <inheritdoc/>
    public bool TryUnplug(long offset, long length)
    {
        // Memory that the host does not take back is zero all the same, so it may be plugged again.
        memory.TryDiscard(offset, length);
        return true;
    }
}
