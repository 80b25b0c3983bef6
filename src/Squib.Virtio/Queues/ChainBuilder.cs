namespace Squib.Virtio.Queues;

/// <summary>What is known of a chain while its descriptors are walked.</summary>
internal struct ChainBuilder
{
    internal ulong ReadableBytes;
    internal ulong WritableBytes;
    internal int ReadableSegments;
    internal bool WritableSeen;
}
