using System.Net.Sockets;

namespace Squib.Virtio.Devices.Net;

/// <summary>Waits until a socket has something to read, without reading it and without allocation.</summary>
internal sealed class SocketArrival : SocketAsyncEventArgs
{
    private readonly Socket socket;
    private readonly Action arrived;
    private int waiting;

    /// <param name="socket">The socket.</param>
    /// <param name="arrived">Called on a thread of the pool when there is something, or the socket has failed.</param>
    internal SocketArrival(Socket socket, Action arrived)
        : base(true)
    {
        this.socket = socket;
        this.arrived = arrived;
        SetBuffer(new byte[1]);
    }

    /// <summary>Asks to be told once there is something.</summary>
    /// <returns>Whether there is something already; then nobody is told.</returns>
    internal bool IsThereAlready()
    {
        if (Interlocked.Exchange(ref waiting, 1) != 0) return false;
        try
        {
            // To read nothing would be to throw a datagram away. The flags are overwritten by each result.
            SocketFlags = SocketFlags.Peek;
            if (socket.ReceiveAsync(this)) return false;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }

        Volatile.Write(ref waiting, 0);
        return true;
    }

    /// <inheritdoc/>
    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        // Before the call: whoever looks in between and finds nothing waits anew.
        Volatile.Write(ref waiting, 0);
        arrived();
    }
}
