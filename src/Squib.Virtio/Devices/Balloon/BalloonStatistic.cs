namespace Squib.Virtio.Devices.Balloon;

/// <summary>
/// The figures that a guest tells about its memory: the tags of virtio 1.2, 5.5.6.4, and those that Linux adds.
/// </summary>
public enum BalloonStatistic
{
    /// <summary>Bytes read in from swap.</summary>
    SwapIn,

    /// <summary>Bytes written out to swap.</summary>
    SwapOut,

    /// <summary>Page faults that needed I/O.</summary>
    MajorFaults,

    /// <summary>Page faults that needed none.</summary>
    MinorFaults,

    /// <summary>Bytes of memory that nothing uses.</summary>
    FreeMemory,

    /// <summary>Bytes of memory in all.</summary>
    TotalMemory,

    /// <summary>Bytes that programs can get without swapping.</summary>
    AvailableMemory,

    /// <summary>Bytes of the page cache.</summary>
    DiskCaches,

    /// <summary>Huge pages that were allocated.</summary>
    HugePageAllocations,

    /// <summary>Huge pages that could not be allocated.</summary>
    HugePageFailures,

    /// <summary>Programs ended for want of memory (Linux 6.12).</summary>
    OutOfMemoryKills,

    /// <summary>Allocations that had to wait (Linux 6.12).</summary>
    AllocationStalls,

    /// <summary>Pages looked at by reclaim in the background (Linux 6.12).</summary>
    AsyncScans,

    /// <summary>Pages looked at by reclaim on demand (Linux 6.12).</summary>
    DirectScans,

    /// <summary>Pages freed by reclaim in the background (Linux 6.12).</summary>
    AsyncReclaims,

    /// <summary>Pages freed by reclaim on demand (Linux 6.12).</summary>
    DirectReclaims,
}
