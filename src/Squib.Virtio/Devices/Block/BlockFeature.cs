namespace Squib.Virtio.Devices.Block;

/// <summary>The feature bits of block devices (virtio 1.2, 5.2.3).</summary>
public static class BlockFeature
{
    /// <summary>Bit 1: the largest segment is in size_max.</summary>
    public const ulong SizeMax = 1UL << 1;

    /// <summary>Bit 2: the most segments of a request are in seg_max.</summary>
    public const ulong SegMax = 1UL << 2;

    /// <summary>Bit 5: the disk cannot be written.</summary>
    public const ulong ReadOnly = 1UL << 5;

    /// <summary>Bit 6: the size of a block is in blk_size.</summary>
    public const ulong BlockSize = 1UL << 6;

    /// <summary>Bit 9: the FLUSH request.</summary>
    public const ulong Flush = 1UL << 9;

    /// <summary>Bit 10: what transfers suit the storage is in topology.</summary>
    public const ulong Topology = 1UL << 10;

    /// <summary>Bit 11: the driver switches the write cache by the field writeback.</summary>
    public const ulong ConfigWce = 1UL << 11;

    /// <summary>Bit 12: several queues.</summary>
    public const ulong MultiQueue = 1UL << 12;

    /// <summary>Bit 13: the DISCARD request.</summary>
    public const ulong Discard = 1UL << 13;

    /// <summary>Bit 14: the WRITE_ZEROES request.</summary>
    public const ulong WriteZeroes = 1UL << 14;
}
