namespace Squib.Virtio.Transport;

/// <summary>The device ids of the devices in this library (virtio 1.2, chapter 5).</summary>
public enum DeviceType : uint
{
    /// <summary>No device: a slot that drivers pass over (4.2.3.1.1).</summary>
    None = 0,

    /// <summary>Network card (5.1).</summary>
    Net = 1,

    /// <summary>Block device (5.2).</summary>
    Block = 2,

    /// <summary>Console (5.3).</summary>
    Console = 3,

    /// <summary>Entropy source (5.4).</summary>
    Entropy = 4,

    /// <summary>Memory balloon (5.5).</summary>
    Balloon = 5,

    /// <summary>Socket device (5.10).</summary>
    Vsock = 19,

    /// <summary>Memory device (5.15).</summary>
    Mem = 24,

    /// <summary>Persistent memory (5.19).</summary>
    Pmem = 27,

    /// <summary>Boot timer: no device of the specification, with an id that none will have.</summary>
    BootTimer = 0xffff_ff00,
}
