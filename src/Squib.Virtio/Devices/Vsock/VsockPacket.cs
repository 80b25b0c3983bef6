using System.Buffers.Binary;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>The header of a packet: 44 bytes, little-endian, without padding (virtio 1.2, 5.10.6).</summary>
/// <param name="SourceCid">The sender's context id.</param>
/// <param name="DestinationCid">The receiver's context id.</param>
/// <param name="SourcePort">The sender's port.</param>
/// <param name="DestinationPort">The receiver's port.</param>
/// <param name="Length">The number of bytes of payload.</param>
/// <param name="Type">The type of socket; <see cref="VsockSocketType"/> or anything else that a driver writes.</param>
/// <param name="Operation">The operation.</param>
/// <param name="Flags">Flags of the operation.</param>
/// <param name="BufferBytes">buf_alloc: the size of the sender's receive buffer for this connection.</param>
/// <param name="Forwarded">fwd_cnt: the bytes of this connection that the sender has consumed so far, modulo 2^32.</param>
internal readonly record struct VsockPacket(
    ulong SourceCid,
    ulong DestinationCid,
    uint SourcePort,
    uint DestinationPort,
    uint Length,
    ushort Type,
    VsockOperation Operation,
    uint Flags,
    uint BufferBytes,
    uint Forwarded)
{
    /// <summary>The size of a header in bytes.</summary>
    internal const int Size = 44;

    /// <summary>Flag of data of a sequenced packet socket: the message ends here.</summary>
    internal const uint EndOfMessage = 1;

    /// <summary>Flag of data of a sequenced packet socket: the record ends here.</summary>
    internal const uint EndOfRecord = 2;

    /// <summary>Takes a header from the front of what the driver lent, wherever it has cut it.</summary>
    /// <returns>False: there are not so many bytes.</returns>
    internal static bool TryRead(ReadableSegments source, out VsockPacket packet)
    {
        ReadOnlySpan<byte> first = source.First;
        if (first.Length < Size) return TryReadAcross(source, out packet);
        packet = Read(first);
        source.Advance(Size);
        return true;
    }

    /// <summary>Writes the header to the front of what the driver lent.</summary>
    /// <returns>False: there is not so much room.</returns>
    internal bool TryWrite(WritableSegments destination)
    {
        Span<byte> first = destination.First;
        if (first.Length < Size) return TryWriteAcross(destination);
        Write(first);
        destination.Advance(Size);
        return true;
    }

    /// <summary>Reads a header.</summary>
    /// <param name="source">At least 44 bytes.</param>
    internal static VsockPacket Read(ReadOnlySpan<byte> source)
    {
        // One check instead of ten.
        source = source[..Size];
        return new(
            BinaryPrimitives.ReadUInt64LittleEndian(source),
            BinaryPrimitives.ReadUInt64LittleEndian(source[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[20..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[24..]),
            BinaryPrimitives.ReadUInt16LittleEndian(source[28..]),
            (VsockOperation)BinaryPrimitives.ReadUInt16LittleEndian(source[30..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[32..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[36..]),
            BinaryPrimitives.ReadUInt32LittleEndian(source[40..]));
    }

    /// <summary>Writes the header.</summary>
    /// <param name="destination">At least 44 bytes.</param>
    internal void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        BinaryPrimitives.WriteUInt64LittleEndian(destination, SourceCid);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], DestinationCid);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[16..], SourcePort);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[20..], DestinationPort);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[24..], Length);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[28..], Type);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[30..], (ushort)Operation);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[32..], Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[36..], BufferBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[40..], Forwarded);
    }

    private static bool TryReadAcross(ReadableSegments source, out VsockPacket packet)
    {
        Span<byte> bytes = stackalloc byte[Size];
        packet = default;
        if (!source.TryRead(bytes)) return false;
        packet = Read(bytes);
        return true;
    }

    private bool TryWriteAcross(WritableSegments destination)
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return destination.TryWrite(bytes);
    }
}
