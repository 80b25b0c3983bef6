namespace Squib.Virtio.Transport;

/// <summary>What a transport offers beside the features of its device, and how it runs it.</summary>
public sealed record TransportOptions
{
    /// <summary>What measurements and logs call the device; null for its type and the number of its interrupt.</summary>
    public string? Name { get; init; }

    /// <summary>Where the device does its work.</summary>
    public DeviceScheduling Scheduling { get; init; } = DeviceScheduling.Inline;

    /// <summary>Whether to offer INDIRECT_DESC.</summary>
    public bool IndirectDescriptors { get; init; } = true;

    /// <summary>Whether to offer EVENT_IDX.</summary>
    public bool EventIndex { get; init; } = true;

    /// <summary>Whether to offer RING_PACKED.</summary>
    public bool RingPacked { get; init; }

    /// <summary>Whether to offer IN_ORDER.</summary>
    public bool InOrder { get; init; }

    /// <summary>Whether to offer NOTIFICATION_DATA.</summary>
    public bool NotificationData { get; init; }

    /// <summary>Whether to offer RING_RESET.</summary>
    public bool RingReset { get; init; } = true;

    /// <summary>The value of the VendorID register; "SQIB" unless set.</summary>
    public uint VendorId { get; init; } = 0x42495153;

    /// <summary>
    /// How long a write of 0 to Status waits for host I/O that is under way. After that the register shows DEVICE_NEEDS_RESET
    /// until the last request is back, and only then 0.
    /// </summary>
    public TimeSpan ResetTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock that limits the lines which a guest can have logged.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The feature bits that these options offer.</summary>
    internal ulong Features =>
        VirtioFeature.Version1
        | (IndirectDescriptors ? VirtioFeature.IndirectDescriptors : 0)
        | (EventIndex ? VirtioFeature.EventIndex : 0)
        | (RingPacked ? VirtioFeature.RingPacked : 0)
        | (InOrder ? VirtioFeature.InOrder : 0)
        | (NotificationData ? VirtioFeature.NotificationData : 0)
        | (RingReset ? VirtioFeature.RingReset : 0);
}
