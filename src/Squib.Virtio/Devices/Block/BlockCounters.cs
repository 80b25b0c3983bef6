namespace Squib.Virtio.Devices.Block;

/// <summary>What a block device has been asked for since it was made.</summary>
/// <param name="Reads">The number of IN requests.</param>
/// <param name="Writes">The number of OUT requests.</param>
/// <param name="Flushes">The number of FLUSH requests.</param>
/// <param name="Discards">The number of DISCARD requests.</param>
/// <param name="WriteZeroes">The number of WRITE_ZEROES requests.</param>
/// <param name="BytesRead">The number of bytes asked for by IN requests within the disk.</param>
/// <param name="BytesWritten">The number of bytes sent by OUT requests within the disk.</param>
/// <param name="Failed">The number of requests answered with IOERR or UNSUPP.</param>
/// <param name="Malformed">The number of chains without room for an answer.</param>
public readonly record struct BlockCounters(
    long Reads,
    long Writes,
    long Flushes,
    long Discards,
    long WriteZeroes,
    long BytesRead,
    long BytesWritten,
    long Failed,
    long Malformed)
{
    /// <summary>Adds the counts of two queues or devices.</summary>
    public static BlockCounters operator +(in BlockCounters a, in BlockCounters b) => new(
        a.Reads + b.Reads,
        a.Writes + b.Writes,
        a.Flushes + b.Flushes,
        a.Discards + b.Discards,
        a.WriteZeroes + b.WriteZeroes,
        a.BytesRead + b.BytesRead,
        a.BytesWritten + b.BytesWritten,
        a.Failed + b.Failed,
        a.Malformed + b.Malformed);

    /// <summary>Adds the counts of two queues or devices.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static BlockCounters Add(BlockCounters left, BlockCounters right) => left + right;
}
