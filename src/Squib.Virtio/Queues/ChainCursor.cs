namespace Squib.Virtio.Queues;

/// <summary>How far a chain has been read and written; one value, so that it is cleared at once.</summary>
internal struct ChainCursor
{
    internal int ReadIndex;
    internal int ReadOffset;
    internal int WriteIndex;
    internal int WriteOffset;

    /// <summary>What has become of the last writable byte, if it was set aside.</summary>
    internal StatusByte Status;
}
