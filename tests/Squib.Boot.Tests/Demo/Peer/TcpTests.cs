using System.Text;
using Squib.Cli.Demo.Peer;
using Xunit;
using Segment = Squib.Boot.Tests.Demo.Peer.TcpGuest.Segment;

namespace Squib.Boot.Tests.Demo.Peer;

/// <summary>The web server of the demo's own peer, spoken to in TCP segments.</summary>
public sealed class TcpTests
{
    private static readonly byte[] Answer = [.. Enumerable.Range(0, 20_000).Select(i => (byte)(i * 7))];

    private readonly PeerNetwork network;
    private readonly TcpGuest guest;
    private string requested = "";

    public TcpTests()
    {
        network = new(line =>
        {
            requested = line;
            return Answer;
        });
        guest = new(network);
    }

    [Fact]
    public void A_request_gets_the_whole_answer_and_the_connection_ends()
    {
        Segment answer = guest.Connect(maxSegment: 1460);
        Assert.Equal(TcpGuest.Syn | TcpGuest.Ack, answer.Flags);
        Assert.Equal(guest.Sequence, answer.Acknowledgement);
        Assert.Equal([2, 4, 1460 >> 8, 1460 & 255], answer.Options);
        guest.Request();
        Assert.Equal(Answer, guest.ReadToEnd());
        Assert.Equal("GET / HTTP/1.1", requested);

        guest.Send(TcpGuest.Ack | TcpGuest.Fin);
        guest.Sequence++;
        Segment last = Assert.Single(guest.Read());
        Assert.Equal(TcpGuest.Ack, last.Flags);
        Assert.Equal(guest.Sequence, last.Acknowledgement);
        Assert.Null(network.Deadline);

        // Nothing is left of it: who speaks of it is told that it is no more.
        guest.Send(TcpGuest.Ack);
        Assert.Equal(TcpGuest.Rst, Assert.Single(guest.Read()).Flags);
    }

    [Fact]
    public void A_request_may_come_byte_by_byte()
    {
        guest.Connect();
        foreach (char letter in "GET / HTTP/1.0\r\n\r\n") guest.Request(letter.ToString());
        Assert.Equal(Answer, guest.ReadToEnd());
    }

    [Theory]
    [InlineData(null, 536)]
    [InlineData((ushort)1000, 1000)]
    [InlineData((ushort)9000, 1460)]
    [InlineData((ushort)1, 64)]
    public void Segments_are_as_long_as_the_guest_takes_them(ushort? told, int expected)
    {
        guest.Connect(told);
        guest.Request();
        Assert.Equal(expected, guest.Read().Max(segment => segment.Payload.Length));
    }

    [Fact]
    public void No_more_is_under_way_than_the_guest_has_room_for()
    {
        guest.Window = 3000;
        guest.Connect(1460);
        guest.Request();
        Assert.Equal([1460, 1460], guest.Read().Select(segment => segment.Payload.Length));
        guest.Expected += 2920;
        guest.Send(TcpGuest.Ack);
        Assert.Equal([1460, 1460], guest.Read().Select(segment => segment.Payload.Length));
    }

    [Fact]
    public void What_is_lost_is_sent_again_later_and_later_but_not_before_its_time()
    {
        guest.Connect(1460);
        Assert.Null(network.Deadline);
        guest.Request();
        List<Segment> lost = guest.Read();
        TimeSpan due = TcpConnection.RetransmissionTime;
        Assert.Equal(due, network.Deadline);
        network.Expire(due - TimeSpan.FromMilliseconds(1));
        Assert.Empty(guest.Read());

        guest.Now = due;
        network.Expire(due);
        List<Segment> again = guest.Read();
        Assert.Equal(lost.Select(segment => segment.Sequence), again.Select(segment => segment.Sequence));
        Assert.Equal(lost[0].Payload, again[0].Payload);
        Assert.Equal(due + (2 * TcpConnection.RetransmissionTime), network.Deadline);

        // The first has come now, the rest once more has not.
        guest.Expected += (uint)again[0].Payload.Length;
        guest.Send(TcpGuest.Ack);
        Assert.Empty(guest.Read());
        guest.Now = network.Deadline!.Value;
        network.Expire(guest.Now);
        Assert.Equal(again[1].Sequence, guest.Read()[0].Sequence);
    }

    [Fact]
    public void A_guest_that_never_acknowledges_is_given_up_and_told_so()
    {
        guest.Connect(1460);
        guest.Request();
        guest.Read();
        for (int i = 0; i < TcpConnection.MaxTimeouts; i++)
        {
            guest.Now = network.Deadline!.Value;
            network.Expire(guest.Now);
            Assert.NotEmpty(guest.Read());
        }

        guest.Now = network.Deadline!.Value;
        network.Expire(guest.Now);
        Assert.Equal(TcpGuest.Rst | TcpGuest.Ack, Assert.Single(guest.Read()).Flags);
        Assert.Null(network.Deadline);
    }

    [Fact]
    public void A_guest_without_room_is_asked_with_one_byte_whether_it_has_some_again()
    {
        guest.Window = 0;
        guest.Connect(1460);
        guest.Request();
        Assert.Empty(Assert.Single(guest.Read()).Payload);

        // It is not given up, however long it takes, as long as it answers.
        for (int i = 0; i < 2 * TcpConnection.MaxTimeouts; i++)
        {
            guest.Now = network.Deadline!.Value;
            network.Expire(guest.Now);
            Assert.Equal(Answer[..1], Assert.Single(guest.Read()).Payload);
            guest.Send(TcpGuest.Ack);
            Assert.Empty(guest.Read());
        }

        guest.Window = 65_000;
        guest.Send(TcpGuest.Ack);
        Assert.Equal(Answer, guest.ReadToEnd());
    }

    [Fact]
    public void What_comes_out_of_order_is_answered_with_what_is_expected()
    {
        guest.Connect();
        uint first = guest.Sequence;
        guest.Sequence += 4;
        guest.Send(TcpGuest.Ack, Encoding.ASCII.GetBytes("/ HTTP/1.0\r\n\r\n"));
        Assert.Equal(first, Assert.Single(guest.Read()).Acknowledgement);
        guest.Sequence = first;
        guest.Request("GET / HTTP/1.0\r\n\r\n");
        Assert.Equal(Answer, guest.ReadToEnd());
    }

    [Fact]
    public void A_segment_that_repeats_some_bytes_is_taken_from_the_first_new_one_on()
    {
        guest.Connect();
        guest.Request("GET /");
        guest.Sequence -= 2;
        guest.Request(" / HTTP/1.0\r\n\r\n");
        Assert.Equal(Answer, guest.ReadToEnd());
        Assert.Equal("GET / HTTP/1.0", requested);
    }

    [Fact]
    public void A_request_for_a_connection_that_is_repeated_gets_the_same_answer()
    {
        guest.Send(TcpGuest.Syn);
        Segment first = Assert.Single(guest.Read());
        guest.Send(TcpGuest.Syn);
        Assert.Equal(first.Sequence, Assert.Single(guest.Read()).Sequence);
    }

    [Fact]
    public void A_request_without_end_is_cut_short()
    {
        guest.Connect();
        for (int i = 0; i <= TcpConnection.MaxRequestBytes / 1000; i++) guest.Request(new string('x', 1000));
        Assert.Equal(TcpGuest.Rst | TcpGuest.Ack, guest.Read()[^1].Flags);
        Assert.Equal("", requested);
    }

    [Fact]
    public void A_guest_that_hangs_up_without_a_request_gets_no_answer_but_a_proper_end()
    {
        guest.Connect();
        guest.Send(TcpGuest.Ack | TcpGuest.Fin);
        guest.Sequence++;
        Assert.Empty(guest.ReadToEnd());
        guest.Send(TcpGuest.Ack);
        Assert.Empty(guest.Read());
        Assert.Null(network.Deadline);
    }

    [Fact]
    public void Only_a_reset_at_the_right_place_ends_a_connection()
    {
        guest.Connect();
        guest.Sequence += 100;
        guest.Send(TcpGuest.Rst);
        guest.Sequence -= 100;
        Assert.Equal(guest.Sequence, Assert.Single(guest.Read()).Acknowledgement);
        guest.Request();
        Assert.NotEmpty(guest.Read());
        guest.Send(TcpGuest.Rst);
        Assert.Empty(guest.Read());
        Assert.Null(network.Deadline);
    }

    [Fact]
    public void An_acknowledgement_of_what_was_never_sent_is_not_believed()
    {
        guest.Connect(1460);
        guest.Request();
        uint sent = (uint)guest.Read().Sum(segment => segment.Payload.Length) + 1;
        guest.Expected += sent + 1000;
        guest.Send(TcpGuest.Ack);
        Assert.Empty(Assert.Single(guest.Read()).Payload);
        Assert.NotNull(network.Deadline);
    }

    [Fact]
    public void Another_port_is_refused_and_a_reset_is_not_answered()
    {
        guest.Send(TcpGuest.Syn, to: 81);
        Segment refusal = Assert.Single(guest.Read());
        Assert.Equal(TcpGuest.Rst | TcpGuest.Ack, refusal.Flags);
        Assert.Equal(guest.Sequence + 1, refusal.Acknowledgement);
        guest.Send(TcpGuest.Rst, to: 81);
        Assert.Empty(guest.Read());
    }

    [Fact]
    public void The_oldest_of_too_many_connections_makes_room_for_the_newest()
    {
        guest.Connect();
        for (int i = 1; i <= HttpPeer.MaxConnections; i++) new TcpGuest(network, (ushort)(40_000 + i)).Connect();
        guest.Request();
        Assert.Equal(TcpGuest.Rst, Assert.Single(guest.Read()).Flags);
    }
}
