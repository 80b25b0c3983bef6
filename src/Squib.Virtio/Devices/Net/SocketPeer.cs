namespace Squib.Virtio.Devices.Net;

/// <summary>The program at the other end of a socket: the device is told once that it is gone, when no method of a backend is under way.</summary>
internal sealed class SocketPeer
{
    private Exception? failure;
    private int failureTold;

    /// <summary>The device, once it is connected.</summary>
    internal INetPort? Port { get; set; }

    /// <summary>Why the peer is gone, or null.</summary>
    internal Exception? Failure => Volatile.Read(ref failure);

    /// <summary>Remembers that the peer is gone; the first reason stays.</summary>
    internal void Fail(Exception why) => Interlocked.CompareExchange(ref failure, why, null);

    /// <summary>Tells the device that the peer is gone, if it is.</summary>
    internal void TellFailure()
    {
        if (Failure is not null && Interlocked.Exchange(ref failureTold, 1) == 0) Port?.LinkChanged(false);
    }

    /// <summary>There is room for a frame again, or there never will be.</summary>
    internal void OnRoom()
    {
        Port?.RoomAvailable(0);
        TellFailure();
    }
}
