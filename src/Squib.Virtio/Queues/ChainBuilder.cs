namespace Squib.Virtio.Queues;

/// <summary>What is known of a chain while its descriptors are walked.</summary>
internal struct ChainBuilder()
{
    internal ulong Bytes = 0;
    internal ulong ReadableBytes = 0;
    internal int Count = 0;

    /// <summary>The number of readable segments, or -1 until a writable one has come.</summary>
    internal int ReadableEnd = -1;
}
