using System.Text;

namespace Squib.Cli.Demo.Peer;

/// <summary>
/// A connection of the guest's to the web server: it takes one request, sends one answer and ends (RFC 9293, RFC 1945).
/// </summary>
/// <remarks>
/// What is sent has positions: 0 is SYN, then come the bytes of the answer, then FIN. What is not acknowledged in time is sent
/// again from the first such position on. It is not shared between threads.
/// </remarks>
internal sealed class TcpConnection
{
    /// <summary>How many bytes the guest may send before they are acknowledged; all are taken at once.</summary>
    public const ushort ReceiveWindow = 16_384;

    /// <summary>The most bytes of a request; whoever sends more is reset.</summary>
    public const int MaxRequestBytes = 4096;

    /// <summary>How often something is sent again before the guest is given up.</summary>
    public const int MaxTimeouts = 8;

    /// <summary>The largest payload of a segment.</summary>
    public const ushort MaxSegmentBytes = Ip4Packet.MaxFrameBytes - Ip4Packet.EthernetBytes - Ip4Packet.HeaderBytes - TcpSegment.HeaderBytes;

    /// <summary>How long the guest has to acknowledge; each time that it does not doubles it.</summary>
    public static readonly TimeSpan RetransmissionTime = TimeSpan.FromMilliseconds(500);

    // What a guest is taken to receive that tells nothing (RFC 9293, 3.7.1); and nothing smaller is believed.
    private const ushort DefaultSegmentBytes = 536;
    private const ushort LeastSegmentBytes = 64;

    private readonly ushort port;
    private readonly uint initial;
    private readonly int segmentBytes;
    private readonly Func<string, byte[]> answerTo;
    private readonly StringBuilder request = new();
    private byte[]? answer;
    private long next;
    private long acknowledged;
    private long highest;
    private uint expected;
    private int window;
    private bool guestFinished;
    private bool acknowledgementDue;
    private bool probing;
    private bool aborted;
    private int timeouts;

    /// <summary>Takes a request for a connection.</summary>
    /// <param name="syn">The request.</param>
    /// <param name="initial">The number of the first byte to send.</param>
    /// <param name="answerTo">The answer to a request, whose first line it gets.</param>
    public TcpConnection(in TcpSegment syn, uint initial, Func<string, byte[]> answerTo)
    {
        port = syn.Source;
        this.initial = initial;
        this.answerTo = answerTo;
        expected = syn.Sequence + 1;
        window = syn.Window;
        segmentBytes = Math.Clamp(syn.MaxSegment ?? DefaultSegmentBytes, LeastSegmentBytes, MaxSegmentBytes);
    }

    /// <summary>Whether it is over and nothing is left to send.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>When something has to be sent again; null while everything is acknowledged.</summary>
    public TimeSpan? Deadline { get; private set; }

    /// <summary>Takes a segment of the guest's.</summary>
    /// <param name="segment">The segment.</param>
    public void Receive(in TcpSegment segment)
    {
        if (segment.Has(TcpSegment.Rst))
        {
            // Only who knows where the connection stands may end it (RFC 5961).
            if (segment.Sequence == expected) IsClosed = true;
            else acknowledgementDue = true;
            return;
        }

        if (segment.Has(TcpSegment.Syn))
        {
            if (acknowledged == 0 && segment.Sequence == expected - 1) next = 0;
            else acknowledgementDue = true;
            return;
        }

        if (!segment.Has(TcpSegment.Ack) || !TryAcknowledge(segment)) return;
        Take(segment);
        if (acknowledged == End && guestFinished && !acknowledgementDue) IsClosed = true;
    }

    /// <summary>Sends again what was not acknowledged, or gives up; at <see cref="Deadline"/>.</summary>
    public void Expire()
    {
        Deadline = null;
        if (++timeouts > MaxTimeouts) aborted = true;
        next = acknowledged;
        probing = window == 0;
    }

    /// <summary>Writes the next segment that there is to send.</summary>
    /// <param name="segment">Room for it.</param>
    /// <param name="now">The time.</param>
    /// <returns>The number of its bytes, or 0.</returns>
    public int WriteNext(Span<byte> segment, TimeSpan now)
    {
        if (IsClosed) return 0;
        if (aborted)
        {
            IsClosed = true;
            return Write(segment, 0, TcpSegment.Rst | TcpSegment.Ack);
        }

        int length = next == 0 ? WriteSyn(segment) : answer is null ? 0 : WriteAnswer(segment);
        if (length == 0 && acknowledgementDue) length = Write(segment, 0, TcpSegment.Ack);
        // Something is under way, or the guest takes nothing now and may forget to say when it does.
        bool waits = acknowledged < next || (answer is not null && next < End && length == 0);
        Deadline = waits ? Deadline ?? now + (RetransmissionTime * (1 << timeouts)) : null;
        if (acknowledged == End && guestFinished && !acknowledgementDue) IsClosed = true;
        return length;
    }

    /// <summary>The position behind FIN; far away while there is no answer yet.</summary>
    private long End => answer is null ? long.MaxValue : answer.Length + 2L;

    private bool TryAcknowledge(in TcpSegment segment)
    {
        long position = segment.Acknowledgement - initial;
        if (position > highest)
        {
            // Before the connection is made it may be an old one's, of which the guest is told; later it is told where we are.
            if (acknowledged == 0) aborted = true;
            else acknowledgementDue = true;
            return false;
        }

        // An old one, overtaken by a newer: its window does not count, what it carries may.
        if (position < acknowledged) return true;
        if (position > acknowledged)
        {
            acknowledged = position;
            next = Math.Max(next, acknowledged);
            Deadline = null;
            timeouts = 0;
        }

        // What was sent to look whether there is room again has fallen beside it.
        if (window == 0 && segment.Window > 0) next = acknowledged;
        window = segment.Window;
        // It answers, but takes nothing for now: that is no reason to give it up.
        if (window == 0) timeouts = 0;
        return acknowledged > 0;
    }

    private void Take(in TcpSegment segment)
    {
        int known = (int)(expected - segment.Sequence);
        ReadOnlySpan<byte> payload = segment.Payload;
        if (known < 0 || known > payload.Length || (guestFinished && payload.Length > 0))
        {
            // Something before it is missing, or it has come before: the guest is told what is expected.
            acknowledgementDue = true;
            return;
        }

        if (payload.Length > 0) acknowledgementDue = true;
        payload = payload[known..];
        expected += (uint)payload.Length;
        if (answer is null && payload.Length > 0) Read(payload);
        if (!segment.Has(TcpSegment.Fin)) return;
        expected++;
        guestFinished = acknowledgementDue = true;
        // It says no more, and what it said is no request.
        answer ??= [];
    }

    private void Read(ReadOnlySpan<byte> payload)
    {
        request.Append(Encoding.Latin1.GetString(payload));
        string text = request.ToString();
        if (text.Contains("\r\n\r\n", StringComparison.Ordinal)) answer = answerTo(text.Split("\r\n")[0]);
        else if (text.Length > MaxRequestBytes) aborted = true;
    }

    private int WriteSyn(Span<byte> segment)
    {
        const int Length = TcpSegment.HeaderBytes + TcpSegment.MaxSegmentOptionBytes;
        TcpSegment.WriteHeader(segment[..Length], port, initial, expected, TcpSegment.Syn | TcpSegment.Ack, MaxSegmentBytes);
        Advance(1);
        return Length;
    }

    private int WriteAnswer(Span<byte> segment)
    {
        long last = End - 1;
        long allowed = acknowledged + Math.Max(window, probing ? 1 : 0) - next;
        if (next > last || allowed <= 0) return 0;
        long left = last - next;
        int count = (int)Math.Min(segmentBytes, Math.Min(left, allowed));
        // A crumb is sent only if it is the last or the guest has acknowledged everything (RFC 9293, 3.8.6.2.1).
        if (count < left && count < segmentBytes && acknowledged < next) return 0;
        probing = false;
        answer.AsSpan((int)next - 1, count).CopyTo(segment[TcpSegment.HeaderBytes..]);
        bool ends = count == left && count < allowed;
        byte flags = ends ? (byte)(TcpSegment.Ack | TcpSegment.Psh | TcpSegment.Fin) : TcpSegment.Ack;
        int length = Write(segment, count, flags);
        Advance(count + (ends ? 1 : 0));
        return length;
    }

    private int Write(Span<byte> segment, int payload, byte flags)
    {
        int length = TcpSegment.HeaderBytes + payload;
        TcpSegment.WriteHeader(segment[..length], port, initial + (uint)next, expected, flags);
        acknowledgementDue = false;
        return length;
    }

    private void Advance(long positions)
    {
        next += positions;
        highest = Math.Max(highest, next);
    }
}
