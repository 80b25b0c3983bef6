namespace Squib.Virtio.Queues;

/// <summary>What is wrong with a chain or a ring that a driver has made.</summary>
/// <remarks>
/// A fault of a chain whose end is known costs the driver that chain: it is returned unserved with length 0 (2.7.5, 2.8.10).
/// A fault of the ring itself ends the session of the device with DEVICE_NEEDS_RESET; <see cref="Virtqueue.IsBroken"/>.
/// </remarks>
public enum ChainFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A descriptor names a next one outside its table.</summary>
    NextOutOfRange,

    /// <summary>The chain has more descriptors than its table, so it is a loop, or more than the limit.</summary>
    TooLong,

    /// <summary>A device-readable descriptor follows a device-writable one.</summary>
    ReadableAfterWritable,

    /// <summary>A buffer lies outside guest memory, runs past its end or 2^64, or is writable in read-only memory.</summary>
    OutsideMemory,

    /// <summary>The chain has no bytes at all.</summary>
    Empty,

    /// <summary>The chain has more than 2^32 - 1 bytes.</summary>
    TooManyBytes,

    /// <summary>An indirect descriptor came without the feature, with NEXT, inside an indirect table, or with a bad table length.</summary>
    BadIndirect,

    /// <summary>The ring: the available index, or position in a packed ring, is more than a queue size ahead of the device.</summary>
    IndexRanAhead,

    /// <summary>The ring: an available entry names a descriptor outside the table.</summary>
    HeadOutOfRange,

    /// <summary>The ring: a buffer was made available again while the device still has it.</summary>
    AlreadyInFlight,

    /// <summary>The ring: a chain in a packed ring does not end, or continues with a descriptor that is not available.</summary>
    EndUnknown,
}
