using System.Net.Sockets;

namespace Squib.Virtio.Devices.Net;

/// <summary>Frames over a datagram socket, each one a datagram.</summary>
/// <remarks>
/// This is what QEMU's <c>-netdev dgram</c> speaks. Frames are complete: the device finishes checksums. A peer that takes nothing holds
/// up the driver's frames, in its ring, and none is lost. Datagrams have no connection, so that the peer is gone shows when something is
/// sent to it: then the link of the device goes down and stays down.
/// </remarks>
public sealed class DatagramNetBackend : INetBackend
{
    private const int Nothing = -1;

    /// <summary>One byte more than a frame may have: what fills it was cut off by the system, and is thrown away by its length.</summary>
    private const int Capacity = NetFrame.MaxLength + 1;

    private readonly Socket socket;
    private readonly string? ownPath;
    private readonly DatagramFrameWriter writer;
    private readonly SocketArrival arrival;
    private readonly SocketPeer peer = new();
    private byte[]? received;
    private int receivedBytes = Nothing;

    /// <summary>Speaks over a socket.</summary>
    /// <param name="socket">A connected datagram socket, which the backend owns from now on.</param>
    /// <exception cref="ArgumentException">It is no datagram socket, or not connected.</exception>
    public DatagramNetBackend(Socket socket)
        : this(socket, null)
    {
    }

    private DatagramNetBackend(Socket socket, string? ownPath)
    {
        ArgumentNullException.ThrowIfNull(socket);
        if (socket.SocketType != SocketType.Dgram || !socket.Connected)
            throw new ArgumentException("The socket is not a connected datagram socket.", nameof(socket));
        socket.Blocking = false;
        this.socket = socket;
        this.ownPath = ownPath;
        writer = new(socket, peer.OnRoom, peer.Fail);
        arrival = new(socket, () => peer.Port?.FramesWaiting(0));
    }

    /// <summary>Why the peer is gone, or null.</summary>
    public Exception? Failure => peer.Failure;

    /// <summary>The number of frames that were too much for the socket, and lost.</summary>
    public long RefusedSends => writer.Refused;

    /// <inheritdoc/>
    public int QueueCount => 1;

    /// <inheritdoc/>
    public NetOffloads Offloads => NetOffloads.None;

    /// <summary>Makes a Unix socket and connects it to another that is there.</summary>
    /// <param name="ownPath">The path at which frames come in. The file is removed when the backend is disposed of.</param>
    /// <param name="peerPath">The path of the socket to which frames go.</param>
    /// <exception cref="SocketException">There is something at the own path, or nothing at the peer's.</exception>
    /// <exception cref="ArgumentException">A path is empty or too long for a socket.</exception>
    public static DatagramNetBackend Open(string ownPath, string peerPath)
    {
        UnixDomainSocketEndPoint own = new(ownPath);
        UnixDomainSocketEndPoint other = new(peerPath);
        Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        bool bound = false;
        try
        {
            socket.Bind(own);
            bound = true;
            socket.Connect(other);
            return new(socket, ownPath);
        }
        catch
        {
            socket.Dispose();
            if (bound) File.Delete(ownPath);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Attach(INetPort port) => peer.Port = port;

    /// <inheritdoc/>
    public void Configure(NetOffloads offloads, int queues)
    {
    }

    /// <inheritdoc/>
    public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame)
    {
        header = default;
        frame = default;
        if (receivedBytes == Nothing && !TryReceive()) return false;
        frame = received.AsSpan(0, receivedBytes);
        return true;
    }

    /// <inheritdoc/>
    public void Consume(int queue) => receivedBytes = Nothing;

    /// <inheritdoc/>
    public void EndReceive(int queue) => peer.TellFailure();

    /// <inheritdoc/>
    public bool CanSend(int queue) => writer.HasRoom;

    /// <inheritdoc/>
    public void Send(int queue, in NetFrame frame)
    {
        if (Failure is null) writer.Send(frame);
    }

    /// <inheritdoc/>
    public void EndSend(int queue) => peer.TellFailure();

    /// <summary>Closes the socket.</summary>
    public ValueTask DisposeAsync()
    {
        peer.Fail(new ObjectDisposedException(nameof(DatagramNetBackend)));
        socket.Dispose();
        if (ownPath is not null) File.Delete(ownPath);
        return ValueTask.CompletedTask;
    }

    private bool TryReceive()
    {
        received ??= GC.AllocateUninitializedArray<byte>(Capacity);
        try
        {
            while (Failure is null)
            {
                int count = socket.Receive(received, SocketFlags.None, out SocketError error);
                if (error == SocketError.Success)
                {
                    receivedBytes = count;
                    return true;
                }

                if (error != SocketError.WouldBlock) peer.Fail(new SocketException((int)error));
                else if (!arrival.IsThereAlready()) return false;
            }
        }
        catch (ObjectDisposedException e)
        {
            peer.Fail(e);
        }

        return false;
    }
}
