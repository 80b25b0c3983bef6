using System.Security.Cryptography;

namespace Squib.Cli.Demo.Peer;

/// <summary>The web server's connections, of which there are few at a time.</summary>
/// <param name="answerTo">The answer to a request, whose first line it gets.</param>
internal sealed class HttpPeer(Func<string, byte[]> answerTo)
{
    /// <summary>The server's port.</summary>
    public const ushort Port = 80;

    /// <summary>The most connections at a time: a program that fetches one file has one or two.</summary>
    public const int MaxConnections = 8;

    private readonly List<(ushort GuestPort, TcpConnection Connection)> connections = [];

    /// <summary>The number of connections.</summary>
    public int Count => connections.Count;

    /// <summary>When the first of them has to send something again; null: nothing is awaited.</summary>
    public TimeSpan? Deadline => connections.Min(entry => entry.Connection.Deadline);

    /// <summary>Takes a segment of the guest's.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="refusal">Room for the segment that refuses it.</param>
    /// <returns>The number of bytes of the refusal, or 0.</returns>
    public int Receive(in TcpSegment segment, Span<byte> refusal)
    {
        ushort guestPort = segment.Source;
        TcpConnection? connection = connections.Find(entry => entry.GuestPort == guestPort).Connection;
        if (connection is not null && segment.Destination == Port)
        {
            connection.Receive(segment);
            connections.RemoveAll(entry => entry.Connection.IsClosed);
            return 0;
        }

        if (segment.Destination == Port && segment.Flags == TcpSegment.Syn)
        {
            // The oldest makes room: a guest that leaves connections lying about does not shut itself out.
            if (connections.Count == MaxConnections) connections.RemoveAt(0);
            uint initial = BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));
            connections.Add((segment.Source, new(segment, initial, answerTo)));
            return 0;
        }

        return Refuse(segment, refusal);
    }

    /// <summary>Sends again what is due.</summary>
    /// <param name="now">The time.</param>
    public void Expire(TimeSpan now)
    {
        foreach ((_, TcpConnection connection) in connections)
        {
            if (connection.Deadline <= now) connection.Expire();
        }
    }

    /// <summary>Writes the next segment of any connection.</summary>
    /// <param name="segment">Room for it.</param>
    /// <param name="now">The time.</param>
    /// <returns>The number of its bytes, or 0.</returns>
    public int WriteNext(Span<byte> segment, TimeSpan now)
    {
        int length = 0;
        for (int i = 0; length == 0 && i < connections.Count; i++) length = connections[i].Connection.WriteNext(segment, now);
        connections.RemoveAll(entry => entry.Connection.IsClosed);
        return length;
    }

    private static int Refuse(in TcpSegment segment, Span<byte> refusal)
    {
        // A reset is never answered (RFC 9293, 3.10.7.1).
        if (segment.Has(TcpSegment.Rst)) return 0;
        uint taken = (uint)segment.Payload.Length + (segment.Has(TcpSegment.Syn) ? 1u : 0) + (segment.Has(TcpSegment.Fin) ? 1u : 0);
        bool acknowledges = segment.Has(TcpSegment.Ack);
        refusal = refusal[..TcpSegment.HeaderBytes];
        TcpSegment.WriteHeader(
            refusal,
            segment.Source,
            acknowledges ? segment.Acknowledgement : 0,
            acknowledges ? 0 : segment.Sequence + taken,
            acknowledges ? TcpSegment.Rst : (byte)(TcpSegment.Rst | TcpSegment.Ack),
            sourcePort: segment.Destination);
        return refusal.Length;
    }
}
