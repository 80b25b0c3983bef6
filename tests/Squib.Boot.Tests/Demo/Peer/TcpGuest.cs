using System.Buffers.Binary;
using Squib.Cli.Demo.Peer;

namespace Squib.Boot.Tests.Demo.Peer;

/// <summary>The guest's end of a connection to the peer; a test says what it sends and acknowledges.</summary>
internal sealed class TcpGuest(PeerNetwork network, ushort port = 40_000)
{
    public const byte Fin = 1;
    public const byte Syn = 2;
    public const byte Rst = 4;
    public const byte Ack = 16;

    /// <summary>The number of the next byte to send; it goes round the end of the numbers early.</summary>
    public uint Sequence { get; set; } = 0xFFFF_FFF0;

    /// <summary>The number of the next byte that is expected.</summary>
    public uint Expected { get; set; }

    public ushort Window { get; set; } = 65_000;

    public TimeSpan Now { get; set; }

    public void Send(byte flags, byte[]? payload = null, byte[]? options = null, ushort to = 80)
    {
        network.Receive(Wire.Tcp(port, to, Sequence, Expected, flags, Window, options ?? [], payload ?? []));
    }

    /// <summary>Connects; the largest segment is told where it is given.</summary>
    public Segment Connect(ushort? maxSegment = null)
    {
        Send(Syn, options: maxSegment is { } bytes ? [1, 1, 2, 4, (byte)(bytes >> 8), (byte)bytes, 0, 0] : []);
        Segment answer = Read().Single();
        Sequence++;
        Expected = answer.Sequence + 1;
        Send(Ack);
        return answer;
    }

    public void Request(string text = "GET / HTTP/1.1\r\nHost: peer\r\n\r\n")
    {
        byte[] bytes = System.Text.Encoding.ASCII.GetBytes(text);
        Send(Ack, bytes);
        Sequence += (uint)bytes.Length;
    }

    /// <summary>What the peer has to send now to this connection, or to any.</summary>
    public List<Segment> Read()
    {
        List<Segment> segments = [];
        byte[] frame = new byte[Ip4Packet.MaxFrameBytes];
        while (network.WriteNext(frame, Now) is > 0 and int length)
        {
            if (!Wire.IsIntact(frame[..length])) throw new InvalidDataException("A checksum is wrong.");
            segments.Add(new(frame[34..length]));
        }

        return segments;
    }

    /// <summary>Reads all that comes, acknowledging it, until FIN.</summary>
    public byte[] ReadToEnd()
    {
        List<byte> all = [];
        while (true)
        {
            List<Segment> segments = Read();
            if (segments.Count == 0) throw new InvalidDataException("The peer stopped in the middle.");
            foreach (Segment segment in segments)
            {
                if (segment.Sequence != Expected) throw new InvalidDataException("A segment is not the next.");
                all.AddRange(segment.Payload);
                Expected += (uint)segment.Payload.Length;
                if ((segment.Flags & Fin) == 0) continue;
                Expected++;
                return [.. all];
            }

            Send(Ack);
        }
    }

    internal sealed class Segment(byte[] bytes)
    {
        public ushort Port => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(2));

        public uint Sequence => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(4));

        public uint Acknowledgement => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(8));

        public byte Flags => bytes[13];

        public byte[] Options => bytes[20..HeaderBytes];

        public byte[] Payload => bytes[HeaderBytes..];

        private int HeaderBytes => (bytes[12] >> 4) * 4;
    }
}
