using System.Buffers.Binary;
using System.Net.Sockets;

namespace Squib.Virtio.Devices.Net;

/// <summary>Cuts what a stream socket brings into frames; one call to the system brings many.</summary>
internal sealed class StreamFrameReader(Socket socket)
{
    /// <summary>The length before each frame.</summary>
    internal const int PrefixBytes = 4;

    /// <summary>Room for the largest frame, and for many of the usual size.</summary>
    private const int Capacity = 128 << 10;

    private byte[]? bytes;
    private int start;
    private int end;

    /// <summary>Shows the next frame.</summary>
    /// <param name="frame">The frame, until the next call.</param>
    /// <param name="why">What is wrong, for <see cref="StreamFrameRead.Failed"/>.</param>
    internal StreamFrameRead Read(out ReadOnlySpan<byte> frame, out Exception? why)
    {
        frame = default;
        why = null;
        bytes ??= GC.AllocateUninitializedArray<byte>(Capacity);
        while (true)
        {
            ReadOnlySpan<byte> there = bytes.AsSpan(start, end - start);
            if (there.Length >= PrefixBytes)
            {
                uint length = BinaryPrimitives.ReadUInt32BigEndian(there);
                if (length > NetFrame.MaxLength)
                {
                    // There is no way to find the next frame.
                    why = new InvalidDataException($"The peer announced a frame of {length} bytes; {NetFrame.MaxLength} is the most.");
                    return StreamFrameRead.Failed;
                }

                if (there.Length - PrefixBytes >= length)
                {
                    frame = there.Slice(PrefixBytes, (int)length);
                    return StreamFrameRead.Frame;
                }
            }

            StreamFrameRead received = Receive(out why);
            if (received != StreamFrameRead.Frame) return received;
        }
    }

    /// <summary>Removes the frame that was shown.</summary>
    internal void Consume() =>
        start += PrefixBytes + (int)BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(start));

    private StreamFrameRead Receive(out Exception? why)
    {
        why = null;
        bytes.AsSpan(start, end - start).CopyTo(bytes);
        end -= start;
        start = 0;
        try
        {
            int count = socket.Receive(bytes.AsSpan(end), SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock) return StreamFrameRead.Nothing;
            end += count;
            if (count > 0) return StreamFrameRead.Frame;
            why = error == SocketError.Success ? new EndOfStreamException("The peer has closed the connection.") : new SocketException((int)error);
        }
        catch (ObjectDisposedException e)
        {
            why = e;
        }

        return StreamFrameRead.Failed;
    }
}
