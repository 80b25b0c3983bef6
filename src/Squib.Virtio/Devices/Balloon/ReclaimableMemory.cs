namespace Squib.Virtio.Devices.Balloon;

/// <summary>Where memory that can be taken back lies in the guest.</summary>
/// <param name="Start">The guest-physical address of its first byte, a multiple of its owner's page size.</param>
/// <param name="Owner">Its owner.</param>
public readonly record struct ReclaimableMemory(ulong Start, IMemoryReclaimer Owner);
