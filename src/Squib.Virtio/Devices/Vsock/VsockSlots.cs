namespace Squib.Virtio.Devices.Vsock;

/// <summary>The number of connections that a device may have: each holds a slot until both sides are done with it.</summary>
internal sealed class VsockSlots(int maximum)
{
    private int used;

    internal int Used => Volatile.Read(ref used);

    internal bool TryTake()
    {
        if (Interlocked.Increment(ref used) <= maximum) return true;
        Interlocked.Decrement(ref used);
        return false;
    }

    internal void Release() => Interlocked.Decrement(ref used);
}
