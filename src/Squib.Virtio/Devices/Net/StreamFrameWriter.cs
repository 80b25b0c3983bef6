using System.Buffers.Binary;
using System.Net.Sockets;

namespace Squib.Virtio.Devices.Net;

/// <summary>Collects frames and writes them to a stream socket together; what the socket does not take at once follows by itself.</summary>
internal sealed class StreamFrameWriter : SocketAsyncEventArgs
{
    /// <summary>Room for many frames of the usual size, and for the largest one behind others.</summary>
    private const int Capacity = 256 << 10;

    private const int Record = StreamFrameReader.PrefixBytes + NetFrame.MaxLength;

    private readonly Socket socket;
    private readonly Action onRoom;
    private readonly Action<Exception> onFailure;
    private readonly Lock gate = new();
    private byte[]? bytes;
    private int start;
    private int end;
    private bool sending;
    private bool roomWanted;
    private bool failed;

    /// <param name="socket">The socket, which does not block.</param>
    /// <param name="onRoom">Called on a thread of the pool when there is room for a frame again, or the socket has failed.</param>
    /// <param name="onFailure">Called when the socket fails; everything is thrown away from then on.</param>
    internal StreamFrameWriter(Socket socket, Action onRoom, Action<Exception> onFailure)
        : base(true)
    {
        this.socket = socket;
        this.onRoom = onRoom;
        this.onFailure = onFailure;
    }

    /// <summary>Whether there is room for a frame of any size; if not, it will be told when there is.</summary>
    internal bool HasRoom()
    {
        lock (gate)
        {
            bool room = failed || Capacity - end >= Record;
            roomWanted = !room;
            return room;
        }
    }

    /// <summary>Appends a frame; there is room for it.</summary>
    internal void Append(in NetFrame frame)
    {
        lock (gate)
        {
            if (failed) return;
            Span<byte> to = (bytes ??= GC.AllocateUninitializedArray<byte>(Capacity)).AsSpan(end);
            BinaryPrimitives.WriteUInt32BigEndian(to, (uint)frame.Length);
            frame.CopyTo(to[StreamFrameReader.PrefixBytes..]);
            end += StreamFrameReader.PrefixBytes + frame.Length;
        }
    }

    /// <summary>Writes what was appended.</summary>
    internal void Flush()
    {
        bool tell;
        lock (gate)
        {
            if (!sending) Write();
            tell = TakeRoomWanted();
        }

        if (tell) onRoom();
    }

    /// <inheritdoc/>
    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        bool tell;
        lock (gate)
        {
            sending = false;
            if (SocketError == SocketError.Success)
            {
                start += BytesTransferred;
                Write();
            }
            else
            {
                Fail(SocketError);
            }

            tell = TakeRoomWanted();
        }

        if (tell) onRoom();
    }

    private bool TakeRoomWanted()
    {
        bool tell = roomWanted && (failed || Capacity - end >= Record);
        if (tell) roomWanted = false;
        return tell;
    }

    /// <summary>Writes as long as the socket takes something. The caller holds the gate.</summary>
    private void Write()
    {
        while (start < end && !failed)
        {
            try
            {
                int count = socket.Send(bytes.AsSpan(start, end - start), SocketFlags.None, out SocketError error);
                if (error == SocketError.Success) start += count;
                else if (error != SocketError.WouldBlock) Fail(error);
                else if (TryWait()) return;
            }
            catch (ObjectDisposedException)
            {
                Fail(SocketError.OperationAborted);
            }
        }

        start = end = 0;
    }

    /// <summary>Lets the socket take the rest when it can.</summary>
    /// <returns>Whether that is later.</returns>
    private bool TryWait()
    {
        SetBuffer(bytes, start, end - start);
        sending = socket.SendAsync(this);
        if (sending) return true;
        if (SocketError == SocketError.Success) start += BytesTransferred;
        else Fail(SocketError);
        return false;
    }

    private void Fail(SocketError error)
    {
        failed = true;
        onFailure(new SocketException((int)error));
    }
}
