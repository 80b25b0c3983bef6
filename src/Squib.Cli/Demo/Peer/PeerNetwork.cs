using System.Buffers.Binary;

namespace Squib.Cli.Demo.Peer;

/// <summary>
/// A network with one other computer: it answers ARP, leases an address by DHCP, answers a ping and serves a file by HTTP.
/// </summary>
/// <remarks>It is not shared between threads.</remarks>
/// <param name="answerTo">The answer to an HTTP request, whose first line it gets.</param>
internal sealed class PeerNetwork(Func<string, byte[]> answerTo)
{
    /// <summary>The most answers that wait for the guest; more are lost, as a switch would lose them.</summary>
    public const int MaxWaitingAnswers = 32;

    private const ushort Ip4Type = 0x0800;
    private const ushort ArpType = 0x0806;
    private const int ArpBytes = 28;
    private const int UdpBytes = 8;

    private readonly HttpPeer http = new(answerTo);
    private readonly Queue<byte[]> answers = new();
    private readonly byte[] guest = new byte[6];

    /// <summary>When something has to be sent again; null: nothing is awaited.</summary>
    public TimeSpan? Deadline => http.Deadline;

    /// <summary>Takes a frame of the guest's. What is damaged, or for somebody else, is passed over.</summary>
    /// <param name="frame">The frame.</param>
    public void Receive(ReadOnlySpan<byte> frame)
    {
        if (frame.Length is < Ip4Packet.EthernetBytes or > Ip4Packet.MaxFrameBytes) return;
        bool forAll = frame[..6].SequenceEqual(PeerAddress.EthernetEverybody);
        if (!forAll && !frame[..6].SequenceEqual(PeerAddress.Ethernet)) return;
        frame[6..12].CopyTo(guest);
        ReadOnlySpan<byte> rest = frame[Ip4Packet.EthernetBytes..];
        switch (BinaryPrimitives.ReadUInt16BigEndian(frame[12..]))
        {
            case ArpType: ReceiveArp(rest); break;
            case Ip4Type when Ip4Packet.TryRead(rest, out Ip4Packet packet): Receive(packet); break;
        }
    }

    /// <summary>Sends again what is due.</summary>
    /// <param name="now">The time.</param>
    public void Expire(TimeSpan now) => http.Expire(now);

    /// <summary>Writes the next frame for the guest.</summary>
    /// <param name="frame">Room for a frame, <see cref="Ip4Packet.MaxFrameBytes"/>.</param>
    /// <param name="now">The time.</param>
    /// <returns>The number of its bytes, or 0.</returns>
    public int WriteNext(Span<byte> frame, TimeSpan now)
    {
        if (answers.TryDequeue(out byte[]? answer))
        {
            answer.CopyTo(frame);
            return answer.Length;
        }

        int segment = http.WriteNext(Ip4Packet.PayloadOf(frame), now);
        return segment == 0 ? 0 : Ip4Packet.WriteHeaders(frame, guest, PeerAddress.Guest, Ip4Packet.Tcp, segment);
    }

    private void ReceiveArp(ReadOnlySpan<byte> request)
    {
        // Ethernet, IPv4, 6- and 4-byte addresses, a request: RFC 826.
        if (request.Length < ArpBytes || !request[..8].SequenceEqual<byte>([0, 1, 8, 0, 6, 4, 0, 1])) return;
        if (BinaryPrimitives.ReadUInt32BigEndian(request[24..]) != PeerAddress.Host) return;
        byte[] answer = new byte[Ip4Packet.EthernetBytes + ArpBytes];
        guest.CopyTo(answer, 0);
        PeerAddress.Ethernet.CopyTo(answer.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(12), ArpType);
        Span<byte> reply = answer.AsSpan(Ip4Packet.EthernetBytes);
        request[..8].CopyTo(reply);
        reply[7] = 2;
        PeerAddress.Ethernet.CopyTo(reply[8..]);
        BinaryPrimitives.WriteUInt32BigEndian(reply[14..], PeerAddress.Host);
        request[8..18].CopyTo(reply[18..]);
        Answer(answer);
    }

    private void Receive(in Ip4Packet packet)
    {
        if (packet.Protocol == Ip4Packet.Udp)
        {
            ReceiveUdp(packet);
            return;
        }

        if (packet.Destination != PeerAddress.Host || packet.Source != PeerAddress.Guest) return;
        if (packet.Protocol == Ip4Packet.Icmp) ReceivePing(packet.Payload);
        else if (packet.Protocol == Ip4Packet.Tcp && TcpSegment.TryRead(packet, out TcpSegment segment)) ReceiveTcp(segment);
    }

    private void ReceivePing(ReadOnlySpan<byte> message)
    {
        const byte EchoRequest = 8;
        if (message.Length < 8 || message[0] != EchoRequest || InternetChecksum.Of(message) != 0) return;
        byte[] frame = new byte[Ip4Packet.EthernetBytes + Ip4Packet.HeaderBytes + message.Length];
        Span<byte> reply = Ip4Packet.PayloadOf(frame);
        message.CopyTo(reply);
        reply[..4].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(reply[2..], InternetChecksum.Of(reply));
        Ip4Packet.WriteHeaders(frame, guest, PeerAddress.Guest, Ip4Packet.Icmp, reply.Length);
        Answer(frame);
    }

    private void ReceiveUdp(in Ip4Packet packet)
    {
        ReadOnlySpan<byte> datagram = packet.Payload;
        if (datagram.Length < UdpBytes || BinaryPrimitives.ReadUInt16BigEndian(datagram[2..]) != DhcpServer.Port) return;
        int length = BinaryPrimitives.ReadUInt16BigEndian(datagram[4..]);
        if (length < UdpBytes || length > datagram.Length) return;
        datagram = datagram[..length];
        bool summed = BinaryPrimitives.ReadUInt16BigEndian(datagram[6..]) != 0;
        if (summed && InternetChecksum.Of(Ip4Packet.Udp, packet.Source, packet.Destination, datagram) != 0) return;
        byte[] frame = new byte[Ip4Packet.EthernetBytes + Ip4Packet.HeaderBytes + UdpBytes + DhcpServer.AnswerBytes];
        Span<byte> answer = Ip4Packet.PayloadOf(frame);
        if (!DhcpServer.TryAnswer(datagram[UdpBytes..], answer[UdpBytes..])) return;
        BinaryPrimitives.WriteUInt16BigEndian(answer, DhcpServer.Port);
        BinaryPrimitives.WriteUInt16BigEndian(answer[2..], DhcpServer.ClientPort);
        BinaryPrimitives.WriteUInt16BigEndian(answer[4..], (ushort)answer.Length);
        ushort sum = InternetChecksum.Of(Ip4Packet.Udp, PeerAddress.Host, PeerAddress.Everybody, answer);
        BinaryPrimitives.WriteUInt16BigEndian(answer[6..], sum == 0 ? ushort.MaxValue : sum);
        Ip4Packet.WriteHeaders(frame, PeerAddress.EthernetEverybody, PeerAddress.Everybody, Ip4Packet.Udp, answer.Length);
        Answer(frame);
    }

    private void ReceiveTcp(in TcpSegment segment)
    {
        byte[] frame = new byte[Ip4Packet.EthernetBytes + Ip4Packet.HeaderBytes + TcpSegment.HeaderBytes];
        int length = http.Receive(segment, Ip4Packet.PayloadOf(frame));
        if (length == 0) return;
        Ip4Packet.WriteHeaders(frame, guest, PeerAddress.Guest, Ip4Packet.Tcp, length);
        Answer(frame);
    }

    private void Answer(byte[] frame)
    {
        if (answers.Count < MaxWaitingAnswers) answers.Enqueue(frame);
    }
}
