namespace Squib.Virtio.Transport;

/// <summary>Memory that a device shares with the driver (virtio 1.2, 2.10).</summary>
/// <param name="Address">The guest-physical address.</param>
/// <param name="Length">The length in bytes.</param>
public readonly record struct SharedMemoryRegion(ulong Address, ulong Length);
