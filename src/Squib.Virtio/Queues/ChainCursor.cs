namespace Squib.Virtio.Queues;

/// <summary>How far a chain has been read and filled.</summary>
/// <remarks>
/// Readable segments come first, up to <see cref="ReadEnd"/>; writable ones follow, up to <see cref="End"/>. What is consumed leaves its
/// list from the front, so the first segment of a list is what is left of it.
/// </remarks>
internal struct ChainCursor
{
    // Of chains with one segment; to copy the whole is one load and one store.
    internal static readonly ChainCursor OneReadable = new() { ReadEnd = 1, WriteAt = 1, End = 1 };
    internal static readonly ChainCursor OneWritable = new() { End = 1 };

    internal int ReadAt;
    internal int ReadEnd;
    internal int WriteAt;
    internal int End;
    internal uint ReadLeft;
    internal uint WriteLeft;
    internal uint Filled;
    internal StatusByte Status;
}
