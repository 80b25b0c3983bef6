using System.Buffers.Binary;
using Squib.Cli.Demo.Peer;
using Xunit;

namespace Squib.Boot.Tests.Demo.Peer;

/// <summary>ARP, ping and DHCP of the demo's own peer.</summary>
public sealed class PeerNetworkTests
{
    private const string ArpRequest = "ffffffffffff 021122334455 0806 0001 0800 06 04 0001 021122334455 c6336402 000000000000 ";
    private const string Cookie = "63825363";

    private readonly PeerNetwork network = new(_ => []);

    [Fact]
    public void Whoever_asks_for_the_gateways_address_is_told_its_Ethernet_address()
    {
        byte[] answer = Assert.Single(Exchange(Hex(ArpRequest + "c6336401")));
        Assert.Equal(
            Hex("021122334455 027371756962 0806 0001 0800 06 04 0002 027371756962 c6336401 021122334455 c6336402"), answer);
    }

    [Fact]
    public void Nobody_answers_for_another_address() => Assert.Empty(Exchange(Hex(ArpRequest + "c6336403")));

    [Fact]
    public void A_ping_comes_back_with_what_it_carried()
    {
        byte[] answer = Assert.Single(Exchange(Wire.Ping(1, 2, 3, 4, 5)));
        Assert.True(Wire.IsIntact(answer));
        Assert.Equal(Wire.GuestMac, answer[..6]);
        Assert.Equal(Hex("c6336401 c6336402"), answer[26..34]);
        Assert.Equal(Hex("00 00"), answer[34..36]);
        Assert.Equal(Hex("1234 0007 0102030405"), answer[38..]);
    }

    [Theory]
    [InlineData(0)] // the receiver's Ethernet address
    [InlineData(14)] // the version
    [InlineData(17)] // the length
    [InlineData(30)] // the receiver
    [InlineData(35)] // the code
    [InlineData(42)] // the payload
    public void A_frame_with_a_wrong_byte_is_passed_over(int at)
    {
        byte[] frame = Wire.Ping(1, 2, 3);
        frame[at] ^= 0x20;
        Assert.Empty(Exchange(frame));
    }

    [Fact]
    public void A_frame_that_is_cut_off_anywhere_is_passed_over()
    {
        byte[] frame = Wire.Ping(1, 2, 3);
        for (int length = 0; length < frame.Length; length++) Assert.Empty(Exchange(frame[..length]));
    }

    [Theory]
    [InlineData(0x2000)]
    [InlineData(0x0001)]
    public void A_fragment_is_passed_over(ushort fragment) =>
        Assert.Empty(Exchange(Wire.Ip4(1, Wire.Ping(1, 2, 3)[34..], fragment: fragment)));

    [Fact]
    public void A_guest_that_reads_no_answers_gets_no_more_than_a_switch_would_keep()
    {
        for (int i = 0; i < 1000; i++) network.Receive(Wire.Ping(1));
        Assert.Equal(PeerNetwork.MaxWaitingAnswers, ReadAll().Count);
    }

    [Fact]
    public void Who_discovers_is_offered_the_address_and_who_wishes_it_gets_it()
    {
        byte[] offer = Assert.Single(Exchange(Dhcp("35 01 01")));
        Assert.True(Wire.IsIntact(offer));
        Assert.Equal(Hex("ffffffffffff"), offer[..6]);
        Assert.Equal(Hex("0043 0044"), offer[34..38]);
        byte[] message = offer[42..];
        Assert.Equal(Hex("02 01 06 00 cafebabe"), message[..8]);
        Assert.Equal(Hex("c6336402"), message[16..20]);
        Assert.Equal(Wire.GuestMac, message[28..34]);
        Assert.Equal(
            Hex(Cookie + "350102 3604c6336401 0104ffffff00 0304c6336401 330400000e10 ff"), message[236..268]);

        byte[] lease = Assert.Single(Exchange(Dhcp("35 01 03 32 04 c6336402 36 04 c6336401")));
        Assert.Equal(5, lease[42 + 242]);
        Assert.Equal(Hex("c6336402"), lease[58..62]);
    }

    [Fact]
    public void Who_renews_gets_the_address_again()
    {
        byte[] lease = Assert.Single(Exchange(Dhcp("00 35 01 03", address: Wire.Guest)));
        Assert.Equal(5, lease[42 + 242]);
    }

    [Fact]
    public void Who_wishes_another_address_is_refused()
    {
        byte[] refusal = Assert.Single(Exchange(Dhcp("35 01 03 32 04 0a000005")));
        Assert.Equal(6, refusal[42 + 242]);
        Assert.Equal(new byte[4], refusal[58..62]);
    }

    [Theory]
    [InlineData("35 01 03 32 04 c6336402 36 04 0a000001")] // another server's
    [InlineData("35 01 07")] // a release
    [InlineData("ff 35 01 01")] // behind the end
    [InlineData("35 20 01")] // longer than the message
    [InlineData("35")]
    [InlineData("")]
    public void Other_messages_get_no_answer(string options) => Assert.Empty(Exchange(Dhcp(options)));

    private List<byte[]> Exchange(byte[] frame)
    {
        network.Receive(frame);
        return ReadAll();
    }

    private List<byte[]> ReadAll()
    {
        List<byte[]> frames = [];
        byte[] frame = new byte[Ip4Packet.MaxFrameBytes];
        while (network.WriteNext(frame, TimeSpan.Zero) is > 0 and int length) frames.Add(frame[..length]);
        return frames;
    }

    private static byte[] Dhcp(string options, uint address = 0)
    {
        byte[] message = [.. Hex("01 01 06 00 cafebabe 0000 0000"), .. new byte[16], .. Wire.GuestMac, .. new byte[202], .. Hex(Cookie + options)];
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), address);
        return Wire.Udp(68, 67, message, source: address, destination: uint.MaxValue);
    }

    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));
}
