namespace Squib.Virtio.Tests.Queues;

/// <summary>How a chain reaches the device: which ring, and whether through a table of descriptors.</summary>
public enum RingFormat
{
    Split,
    Packed,
    SplitIndirect,
    PackedIndirect,
}
