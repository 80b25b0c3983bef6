using System.Buffers.Binary;

namespace Squib.Virtio.Devices.Net;

/// <summary>What stands before each frame: what is left to do to it (virtio 1.2, 5.1.6).</summary>
/// <param name="Flags">Bits of <see cref="NeedsChecksum"/> and <see cref="DataValid"/>.</param>
/// <param name="GsoType">What has to be cut into pieces, one of the Gso values; with <see cref="GsoEcn"/> for congestion marks.</param>
/// <param name="HeaderLength">The number of bytes of all headers of a frame that has to be cut.</param>
/// <param name="GsoSize">The number of payload bytes of each piece.</param>
/// <param name="ChecksumStart">With NEEDS_CSUM: where summing begins, in bytes from the start of the frame.</param>
/// <param name="ChecksumOffset">With NEEDS_CSUM: where the checksum goes, in bytes from <paramref name="ChecksumStart"/>.</param>
/// <param name="Buffers">Towards the driver: the number of buffers that the frame fills.</param>
public readonly record struct NetHeader(
    byte Flags,
    byte GsoType,
    ushort HeaderLength = 0,
    ushort GsoSize = 0,
    ushort ChecksumStart = 0,
    ushort ChecksumOffset = 0,
    ushort Buffers = 0)
{
    /// <summary>The number of bytes.</summary>
    public const int Size = 12;

    /// <summary>Flag VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum has to be completed.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>Flag VIRTIO_NET_HDR_F_DATA_VALID: the checksum has been checked and is right.</summary>
    public const byte DataValid = 2;

    /// <summary>VIRTIO_NET_HDR_GSO_NONE: the frame is not to be cut.</summary>
    public const byte GsoNone = 0;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV4: TCP over IPv4.</summary>
    public const byte GsoTcp4 = 1;

    /// <summary>VIRTIO_NET_HDR_GSO_UDP: UDP over IPv4, into fragments.</summary>
    public const byte GsoUdp = 3;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV6: TCP over IPv6.</summary>
    public const byte GsoTcp6 = 4;

    /// <summary>VIRTIO_NET_HDR_GSO_ECN, added to a TCP type: there are congestion marks.</summary>
    public const byte GsoEcn = 0x80;

    /// <summary>Where num_buffers is.</summary>
    internal const int BuffersOffset = 10;

    /// <summary>Whether nothing is left to do and nothing is said.</summary>
    public bool IsPlain => Flags == 0 && GsoType == GsoNone;

    /// <summary>Whether the checksum has to be completed.</summary>
    public bool HasPartialChecksum => (Flags & NeedsChecksum) != 0;

    /// <summary>The kind of cutting without the mark for ECN.</summary>
    public byte Segmentation => (byte)(GsoType & ~GsoEcn);

    /// <summary>Reads a header.</summary>
    /// <param name="source">Its bytes.</param>
    public static NetHeader Read(ReadOnlySpan<byte> source)
    {
        source = source[..Size];
        return new(
            source[0],
            source[1],
            BinaryPrimitives.ReadUInt16LittleEndian(source[2..]),
            BinaryPrimitives.ReadUInt16LittleEndian(source[4..]),
            BinaryPrimitives.ReadUInt16LittleEndian(source[6..]),
            BinaryPrimitives.ReadUInt16LittleEndian(source[8..]),
            BinaryPrimitives.ReadUInt16LittleEndian(source[BuffersOffset..]));
    }

    /// <summary>Writes the header.</summary>
    /// <param name="destination">Where to; <see cref="Size"/> bytes.</param>
    public void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        destination[0] = Flags;
        destination[1] = GsoType;
        BinaryPrimitives.WriteUInt16LittleEndian(destination[2..], HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], GsoSize);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], ChecksumStart);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[8..], ChecksumOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[BuffersOffset..], Buffers);
    }

    /// <summary>Whether the header makes sense for a frame, and asks for nothing but what may be asked for.</summary>
    /// <param name="allowed">What may be asked for.</param>
    /// <param name="length">The number of bytes of the frame.</param>
    internal bool TryCheck(NetOffloads allowed, int length)
    {
        if (HasPartialChecksum
            && ((allowed & NetOffloads.Checksum) == 0 || !NetChecksum.Fits(length, ChecksumStart, ChecksumOffset)))
            return false;
        NetOffloads needed = Segmentation switch
        {
            GsoNone => NetOffloads.None,
            GsoTcp4 => NetOffloads.Tso4,
            GsoTcp6 => NetOffloads.Tso6,
            GsoUdp => NetOffloads.Ufo,
            _ => (NetOffloads)int.MinValue,
        };
        if (needed == NetOffloads.None) return true;
        if ((GsoType & GsoEcn) != 0) needed |= NetOffloads.Ecn;
        // MUST (5.1.6.2, 5.1.6.4): what has to be cut has a size of pieces, and a checksum that is not complete.
        return (allowed & needed) == needed && GsoSize != 0 && HasPartialChecksum;
    }

    /// <summary>Replaces what the sender says of the length of the headers, which nobody relies on, by what they are.</summary>
    /// <param name="frame">The frame, or its beginning with at least 13 bytes from <see cref="ChecksumStart"/> on.</param>
    /// <param name="length">The number of bytes of the frame.</param>
    /// <param name="checkedHeader">The header with the right length.</param>
    /// <returns>False if the frame is shorter than its headers.</returns>
    internal bool TrySetHeaderLength(ReadOnlySpan<byte> frame, int length, out NetHeader checkedHeader)
    {
        const int TcpLengthOffset = 12;
        const int UdpHeaderBytes = 8;
        const int MinTcpHeaderBytes = 20;
        checkedHeader = this;
        int transport = UdpHeaderBytes;
        if (Segmentation != GsoUdp)
        {
            if (frame.Length <= ChecksumStart + TcpLengthOffset) return false;
            transport = (frame[ChecksumStart + TcpLengthOffset] >> 4) * 4;
            if (transport < MinTcpHeaderBytes) return false;
        }

        int headers = ChecksumStart + transport;
        if (headers > length || headers > ushort.MaxValue) return false;
        checkedHeader = this with { HeaderLength = (ushort)headers, Flags = NeedsChecksum, Buffers = 0 };
        return true;
    }
}
