namespace Squib.Virtio.Devices.Mem;

/// <summary>The feature bits of memory devices (virtio 1.2, 5.15.3).</summary>
public static class MemFeature
{
    /// <summary>Bit 0: node_id says to which proximity domain the memory belongs.</summary>
    public const ulong ProximityDomain = 1UL << 0;

    /// <summary>Bit 1: the driver does not touch memory that is not plugged.</summary>
    public const ulong UnpluggedInaccessible = 1UL << 1;
}
