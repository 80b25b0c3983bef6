namespace Squib.Virtio.Transport;

/// <summary>The feature bits that belong to rings and transport, not to a device (virtio 1.2, chapter 6).</summary>
public static class VirtioFeature
{
    /// <summary>Bit 28: descriptors may refer to tables of descriptors (2.7.5.3).</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>Bit 29: both sides say at which index they want to be notified (2.7.7, 2.7.10).</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>Bit 32: the device is no legacy device; always offered, and required.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>Bit 34: queues are packed rings (2.8).</summary>
    public const ulong RingPacked = 1UL << 34;

    /// <summary>Bit 35: buffers are used in the order in which they were made available.</summary>
    public const ulong InOrder = 1UL << 35;

    /// <summary>Bit 38: a notification says how far the driver is (2.9.1).</summary>
    public const ulong NotificationData = 1UL << 38;

    /// <summary>Bit 40: a queue can be reset alone (2.6.1).</summary>
    public const ulong RingReset = 1UL << 40;
}
