namespace Squib.Virtio.Transport;

/// <summary>The bits of the device status field (virtio 1.2, 2.1).</summary>
[Flags]
public enum DeviceStatus : uint
{
    /// <summary>Reset.</summary>
    None = 0,

    /// <summary>The driver has noticed the device.</summary>
    Acknowledge = 1,

    /// <summary>The driver knows how to drive the device.</summary>
    Driver = 2,

    /// <summary>The driver is set up; the device works from here on.</summary>
    DriverOk = 4,

    /// <summary>The features are negotiated; reads back clear when the device refuses them.</summary>
    FeaturesOk = 8,

    /// <summary>The device has met an error from which only a reset recovers.</summary>
    NeedsReset = 0x40,

    /// <summary>The driver has given up on the device.</summary>
    Failed = 0x80,
}
