namespace Squib.Virtio.Devices.Vsock;

/// <summary>The counts of a device; several threads count.</summary>
internal sealed class VsockTally
{
    internal long PacketsFromGuest;
    internal long PacketsToGuest;
    internal long BytesFromGuest;
    internal long BytesToGuest;
    internal long Opened;
    internal long Refused;
    internal long Violations;
    internal long TimedOut;
    internal long Malformed;
    internal long Foreign;
    internal long Ignored;
    internal long ShortBuffers;

    internal VsockCounters Snapshot(int connections) => new(
        connections,
        Volatile.Read(ref Opened),
        Volatile.Read(ref Refused),
        Volatile.Read(ref Violations),
        Volatile.Read(ref TimedOut),
        Volatile.Read(ref PacketsFromGuest),
        Volatile.Read(ref PacketsToGuest),
        Volatile.Read(ref BytesFromGuest),
        Volatile.Read(ref BytesToGuest),
        Volatile.Read(ref Malformed),
        Volatile.Read(ref Foreign),
        Volatile.Read(ref Ignored),
        Volatile.Read(ref ShortBuffers));
}
