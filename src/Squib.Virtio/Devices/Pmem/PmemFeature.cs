namespace Squib.Virtio.Devices.Pmem;

/// <summary>The feature bits of persistent memory (virtio 1.2, 5.19.3).</summary>
public static class PmemFeature
{
    /// <summary>
    /// Bit 0: the memory is announced as a shared memory region instead of by the configuration space.
    /// </summary>
    public const ulong SharedMemory = 1UL << 0;
}
