using System.Net.Sockets;

namespace Squib.Virtio.Devices.Net;

/// <summary>Sends each frame as a datagram; one that the socket does not take at once follows by itself, and no other before it.</summary>
internal sealed class DatagramFrameWriter : SocketAsyncEventArgs
{
    private readonly Socket socket;
    private readonly Action onRoom;
    private readonly Action<Exception> onFailure;
    private byte[]? bytes;
    private volatile bool sending;
    private long refused;

    /// <param name="socket">The socket, which does not block.</param>
    /// <param name="onRoom">Called on a thread of the pool when there is room for a frame again, or the socket has failed.</param>
    /// <param name="onFailure">Called when the peer is gone.</param>
    internal DatagramFrameWriter(Socket socket, Action onRoom, Action<Exception> onFailure)
        : base(true)
    {
        this.socket = socket;
        this.onRoom = onRoom;
        this.onFailure = onFailure;
    }

    internal bool HasRoom => !sending;

    internal long Refused => Volatile.Read(ref refused);

    /// <summary>Sends a frame; there is room for it.</summary>
    internal void Send(in NetFrame frame)
    {
        ReadOnlySpan<byte> whole = frame.IsWhole ? frame.First : Copy(frame);
        try
        {
            socket.Send(whole, SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock) Wait(frame);
            else End(error);
        }
        catch (ObjectDisposedException e)
        {
            onFailure(e);
        }
    }

    /// <inheritdoc/>
    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        End(SocketError);
        sending = false;
        onRoom();
    }

    private Span<byte> Copy(in NetFrame frame)
    {
        bytes ??= GC.AllocateUninitializedArray<byte>(NetFrame.MaxLength);
        frame.CopyTo(bytes);
        return bytes.AsSpan(0, frame.Length);
    }

    /// <summary>The peer has as many datagrams as it may have: this one follows when it has taken some.</summary>
    private void Wait(in NetFrame frame)
    {
        // Once more where it was in pieces, but this is not what happens all the time.
        int length = Copy(frame).Length;
        SetBuffer(bytes, 0, length);
        sending = true;
        if (socket.SendAsync(this)) return;
        sending = false;
        End(SocketError);
    }

    private void End(SocketError error)
    {
        switch (error)
        {
            case SocketError.Success:
                break;
            case SocketError.MessageSize or SocketError.NoBufferSpaceAvailable:
                // This frame is too much for the socket; the next one need not be.
                Interlocked.Increment(ref refused);
                break;
            default:
                onFailure(new SocketException((int)error));
                break;
        }
    }
}
