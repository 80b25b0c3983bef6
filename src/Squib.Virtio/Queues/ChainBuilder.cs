namespace Squib.Virtio.Queues;

/// <summary>What is known of a chain while its descriptors are walked.</summary>
internal struct ChainBuilder
{
    internal ulong Bytes;
    internal int Count;

    /// <summary>The WRITE flag of the descriptor added last.</summary>
    internal uint Kind;

    /// <summary>Bytes and segments before the first writable one, if there is one.</summary>
    internal ulong ReadableBytes;
    internal int ReadableCount;
}
