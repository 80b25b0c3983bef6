using System.Buffers.Binary;

namespace Squib.Cli.Demo.Peer;

/// <summary>A TCP segment, and how one is written (RFC 9293).</summary>
internal readonly ref struct TcpSegment
{
    /// <summary>The number of bytes of a header without options.</summary>
    public const int HeaderBytes = 20;

    /// <summary>The number of bytes of the option that tells the largest segment.</summary>
    public const int MaxSegmentOptionBytes = 4;

    /// <summary>The sender sends no more.</summary>
    public const byte Fin = 1;

    /// <summary>The sender begins.</summary>
    public const byte Syn = 2;

    /// <summary>The connection is no more.</summary>
    public const byte Rst = 4;

    /// <summary>There is no more for now: do not wait.</summary>
    public const byte Psh = 8;

    /// <summary>The acknowledgement counts.</summary>
    public const byte Ack = 16;

    private const byte MaxSegmentOption = 2;

    /// <summary>The sender's port.</summary>
    public ushort Source { get; private init; }

    /// <summary>The receiver's port.</summary>
    public ushort Destination { get; private init; }

    /// <summary>The number of the first byte.</summary>
    public uint Sequence { get; private init; }

    /// <summary>The number of the next byte that the sender expects.</summary>
    public uint Acknowledgement { get; private init; }

    /// <summary>Some of the flags above.</summary>
    public byte Flags { get; private init; }

    /// <summary>How many bytes more the sender takes.</summary>
    public ushort Window { get; private init; }

    /// <summary>The largest payload that the sender takes, where it tells one.</summary>
    public ushort? MaxSegment { get; private init; }

    /// <summary>What it carries.</summary>
    public ReadOnlySpan<byte> Payload { get; private init; }

    /// <summary>Whether a flag is set.</summary>
    /// <param name="flag">The flag.</param>
    public bool Has(byte flag) => (Flags & flag) != 0;

    /// <summary>Reads a segment.</summary>
    /// <param name="packet">The packet that carries it.</param>
    /// <param name="segment">The segment.</param>
    /// <returns>False for what is cut off or damaged.</returns>
    public static bool TryRead(in Ip4Packet packet, out TcpSegment segment)
    {
        segment = default;
        ReadOnlySpan<byte> bytes = packet.Payload;
        if (bytes.Length < HeaderBytes) return false;
        int header = (bytes[12] >> 4) * 4;
        if (header < HeaderBytes || header > bytes.Length) return false;
        if (InternetChecksum.Of(Ip4Packet.Tcp, packet.Source, packet.Destination, bytes) != 0) return false;
        segment = new()
        {
            Source = BinaryPrimitives.ReadUInt16BigEndian(bytes),
            Destination = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            Sequence = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]),
            Acknowledgement = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]),
            Flags = bytes[13],
            Window = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]),
            MaxSegment = FindMaxSegment(bytes[HeaderBytes..header]),
            Payload = bytes[header..],
        };
        return true;
    }

    /// <summary>Writes the header before a payload that is there, and the checksum of both.</summary>
    /// <param name="segment">The segment: room for the header, then the payload.</param>
    /// <param name="port">The guest's port.</param>
    /// <param name="sequence">The number of the first byte.</param>
    /// <param name="acknowledgement">The number of the next byte that is expected.</param>
    /// <param name="flags">The flags.</param>
    /// <param name="maxSegment">The largest payload to tell, in an option; null: no option.</param>
    /// <param name="sourcePort">The peer's port.</param>
    public static void WriteHeader(
        Span<byte> segment,
        ushort port,
        uint sequence,
        uint acknowledgement,
        byte flags,
        ushort? maxSegment = null,
        ushort sourcePort = HttpPeer.Port)
    {
        int header = HeaderBytes + (maxSegment is null ? 0 : MaxSegmentOptionBytes);
        segment[..header].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(segment, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(segment[2..], port);
        BinaryPrimitives.WriteUInt32BigEndian(segment[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(segment[8..], acknowledgement);
        segment[12] = (byte)(header / 4 << 4);
        segment[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment[14..], TcpConnection.ReceiveWindow);
        if (maxSegment is { } bytes)
        {
            segment[HeaderBytes] = MaxSegmentOption;
            segment[HeaderBytes + 1] = MaxSegmentOptionBytes;
            BinaryPrimitives.WriteUInt16BigEndian(segment[(HeaderBytes + 2)..], bytes);
        }

        BinaryPrimitives.WriteUInt16BigEndian(
            segment[16..], InternetChecksum.Of(Ip4Packet.Tcp, PeerAddress.Host, PeerAddress.Guest, segment));
    }

    private static ushort? FindMaxSegment(ReadOnlySpan<byte> options)
    {
        const byte EndOption = 0;
        const byte NothingOption = 1;
        while (options.Length > 0 && options[0] != EndOption)
        {
            if (options[0] == NothingOption)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options[1] < 2 || options[1] > options.Length) return null;
            if (options[0] == MaxSegmentOption && options[1] == MaxSegmentOptionBytes)
                return BinaryPrimitives.ReadUInt16BigEndian(options[2..]);
            options = options[options[1]..];
        }

        return null;
    }
}
