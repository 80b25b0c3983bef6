namespace Squib.Virtio.Testing;

/// <summary>One element of a buffer that a driver makes available.</summary>
/// <param name="Address">The guest-physical address.</param>
/// <param name="Length">The length in bytes.</param>
/// <param name="IsWritable">Whether the device may write it; readable elements come first.</param>
public readonly record struct DriverSegment(ulong Address, uint Length, bool IsWritable);
