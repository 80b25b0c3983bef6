using System.Net.Sockets;

namespace Squib.Virtio.Devices.Net;

/// <summary>Frames over a stream socket, each behind its length in four bytes, the highest first.</summary>
/// <remarks>
/// This is what QEMU's <c>-netdev stream</c> and passt speak. Frames are complete: the device finishes checksums. When the peer goes, or
/// says what cannot be, the link of the device goes down and stays down.
/// </remarks>
public sealed class StreamNetBackend : INetBackend
{
    private readonly Socket socket;
    private readonly StreamFrameReader reader;
    private readonly StreamFrameWriter writer;
    private readonly SocketArrival arrival;
    private readonly SocketPeer peer = new();

    /// <summary>Speaks over a socket.</summary>
    /// <param name="socket">A connected stream socket, which the backend owns from now on.</param>
    /// <exception cref="ArgumentException">It is no stream socket, or not connected.</exception>
    public StreamNetBackend(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        if (socket.SocketType != SocketType.Stream || !socket.Connected)
            throw new ArgumentException("The socket is not a connected stream socket.", nameof(socket));
        socket.Blocking = false;
        this.socket = socket;
        reader = new(socket);
        writer = new(socket, peer.OnRoom, peer.Fail);
        arrival = new(socket, () => peer.Port?.FramesWaiting(0));
    }

    /// <summary>Why the peer is gone, or null.</summary>
    public Exception? Failure => peer.Failure;

    /// <inheritdoc/>
    public int QueueCount => 1;

    /// <inheritdoc/>
    public NetOffloads Offloads => NetOffloads.None;

    /// <summary>Connects to a Unix socket on which a peer listens.</summary>
    /// <param name="path">The path of the socket.</param>
    /// <exception cref="SocketException">Nobody listens there.</exception>
    /// <exception cref="ArgumentException">The path is empty or too long for a socket.</exception>
    public static StreamNetBackend Connect(string path)
    {
        UnixDomainSocketEndPoint address = new(path);
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(address);
            return new(socket);
        }
        catch
        {
            socket.Dispose();
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
        while (Failure is null)
        {
            switch (reader.Read(out frame, out Exception? why))
            {
                case StreamFrameRead.Frame: return true;
                case StreamFrameRead.Failed: peer.Fail(why!); return false;
                default:
                    if (!arrival.IsThereAlready()) return false;
                    break;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public void Consume(int queue) => reader.Consume();

    /// <inheritdoc/>
    public void EndReceive(int queue) => peer.TellFailure();

    /// <inheritdoc/>
    public bool CanSend(int queue) => writer.HasRoom();

    /// <inheritdoc/>
    public void Send(int queue, in NetFrame frame) => writer.Append(frame);

    /// <inheritdoc/>
    public void EndSend(int queue)
    {
        writer.Flush();
        peer.TellFailure();
    }

    /// <summary>Closes the socket.</summary>
    public ValueTask DisposeAsync()
    {
        peer.Fail(new ObjectDisposedException(nameof(StreamNetBackend)));
        socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
