namespace Squib.Virtio.Queues;

/// <summary>How far a chain has been read and written; one value, so that it is cleared at once.</summary>
internal struct ChainCursor
{
    internal int ReadIndex;
    internal int ReadOffset;

    /// <summary>Counted from the first writable segment.</summary>
    internal int WriteIndex;
    internal int WriteOffset;
}
