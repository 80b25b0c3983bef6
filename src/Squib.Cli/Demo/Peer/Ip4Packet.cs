using System.Buffers.Binary;

namespace Squib.Cli.Demo.Peer;

/// <summary>A whole IPv4 packet, and how one is written (RFC 791).</summary>
internal readonly ref struct Ip4Packet
{
    /// <summary>The number of bytes of the Ethernet header: two addresses and the type.</summary>
    public const int EthernetBytes = 14;

    /// <summary>The number of bytes of a header without options.</summary>
    public const int HeaderBytes = 20;

    /// <summary>The largest frame of a network whose MTU is 1500.</summary>
    public const int MaxFrameBytes = EthernetBytes + 1500;

    /// <summary>The number of ICMP.</summary>
    public const byte Icmp = 1;

    /// <summary>The number of TCP.</summary>
    public const byte Tcp = 6;

    /// <summary>The number of UDP.</summary>
    public const byte Udp = 17;

    private const ushort EtherType = 0x0800;
    private const ushort DontFragment = 0x4000;
    private const byte TimeToLive = 64;

    /// <summary>The sender's address.</summary>
    public uint Source { get; private init; }

    /// <summary>The receiver's address.</summary>
    public uint Destination { get; private init; }

    /// <summary>The number of the protocol of the payload.</summary>
    public byte Protocol { get; private init; }

    /// <summary>What it carries.</summary>
    public ReadOnlySpan<byte> Payload { get; private init; }

    /// <summary>Reads a packet.</summary>
    /// <param name="bytes">What follows the Ethernet header; perhaps longer than the packet.</param>
    /// <param name="packet">The packet.</param>
    /// <returns>False for what is no IPv4, is cut off or damaged, or is a fragment: nobody here puts those together.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Ip4Packet packet)
    {
        packet = default;
        if (bytes.Length < HeaderBytes || bytes[0] >> 4 != 4) return false;
        int header = (bytes[0] & 15) * 4;
        int length = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (header < HeaderBytes || length < header || length > bytes.Length) return false;
        bool fragment = (BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]) & ~DontFragment) != 0;
        if (fragment || InternetChecksum.Of(bytes[..header]) != 0) return false;
        packet = new()
        {
            Source = BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]),
            Destination = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
            Protocol = bytes[9],
            Payload = bytes[header..length],
        };
        return true;
    }

    /// <summary>Where the payload goes in a frame.</summary>
    /// <param name="frame">Room for a frame.</param>
    public static Span<byte> PayloadOf(Span<byte> frame) => frame[(EthernetBytes + HeaderBytes)..];

    /// <summary>Writes the headers of a frame whose payload is there.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="receiver">The receiver's Ethernet address.</param>
    /// <param name="destination">The receiver's address.</param>
    /// <param name="protocol">The number of the protocol of the payload.</param>
    /// <param name="payload">The number of bytes of the payload.</param>
    /// <returns>The number of bytes of the frame.</returns>
    public static int WriteHeaders(Span<byte> frame, ReadOnlySpan<byte> receiver, uint destination, byte protocol, int payload)
    {
        receiver.CopyTo(frame);
        PeerAddress.Ethernet.CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], EtherType);
        Span<byte> header = frame.Slice(EthernetBytes, HeaderBytes);
        header.Clear();
        header[0] = (4 << 4) | (HeaderBytes / 4);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(HeaderBytes + payload));
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], DontFragment);
        header[8] = TimeToLive;
        header[9] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(header[12..], PeerAddress.Host);
        BinaryPrimitives.WriteUInt32BigEndian(header[16..], destination);
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], InternetChecksum.Of(header));
        return EthernetBytes + HeaderBytes + payload;
    }
}
