namespace Squib.Virtio.Queues;

/// <summary>What is known of a chain while its descriptors are walked.</summary>
internal struct ChainBuilder
{
    internal ulong Bytes;
    internal ulong ReadableBytes;
    internal int Count;
    internal int ReadableEnd;
    internal bool WritableSeen;
}
