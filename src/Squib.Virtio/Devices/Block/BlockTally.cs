namespace Squib.Virtio.Devices.Block;

/// <summary>The counts of one queue. All but the failures are counted by the queue's loop alone.</summary>
internal sealed class BlockTally
{
    internal long Reads;
    internal long Writes;
    internal long Flushes;
    internal long Discards;
    internal long WriteZeroes;
    internal long BytesRead;
    internal long BytesWritten;
    internal long Failed;
    internal long Malformed;

    internal BlockCounters Snapshot() => new(
        Volatile.Read(ref Reads),
        Volatile.Read(ref Writes),
        Volatile.Read(ref Flushes),
        Volatile.Read(ref Discards),
        Volatile.Read(ref WriteZeroes),
        Volatile.Read(ref BytesRead),
        Volatile.Read(ref BytesWritten),
        Volatile.Read(ref Failed),
        Volatile.Read(ref Malformed));
}
