using Squib.Virtio.Devices.Net;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>A card that hears what it sends.</summary>
public sealed class LoopbackNetBackendTests
{
    [Fact]
    public void What_the_guest_sends_comes_back_to_it()
    {
        NetGuest guest = new(new LoopbackNetBackend());
        byte[] frame = Ethernet(MacAddress.Broadcast, Own, 1514);
        guest.Send(frame);
        Assert.Equal(frame, guest.ReceiveOne().Bytes);
        guest.Send(Ethernet(Peer, Own, 60));
        Assert.Empty(guest.Receive());
        Assert.Equal(1, guest.Device.Counters.Filtered);
    }

    [Fact]
    public void Headers_come_back_too()
    {
        NetGuest guest = new(new LoopbackNetBackend(NetOffloads.All));
        (byte[] frame, NetHeader header) = Unfinished(Tcp4(Own, Own, 900));
        header = header with { GsoType = NetHeader.GsoTcp4, GsoSize = 100, HeaderLength = 54 };
        guest.Send(frame, header);
        ReceivedFrame received = guest.ReceiveOne();
        Assert.Equal(header with { Buffers = 1 }, received.Header);
        Assert.Equal(frame, received.Bytes);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(1514)]
    [InlineData(40_001)]
    [InlineData(NetFrame.MaxLength)]
    public void When_the_loop_is_full_frames_wait_in_the_ring_and_none_is_lost(int length)
    {
        LoopbackNetBackend loop = new(capacity: 140_000);
        NetGuest guest = new(loop, buffers: 0);
        byte[][] frames = [.. Enumerable.Range(0, 30).Select(i => Ethernet(Own, Own, length - (i % 7), seed: i))];
        foreach (byte[] frame in frames) guest.Tx().Add([[.. new byte[12], .. frame]]);
        guest.Tx().Kick();
        int sent = guest.Tx().Reap().Count;
        if (length > 10_000) Assert.InRange(sent, 1, 3);
        List<byte[]> received = [];
        for (int i = 0; i < 200 && received.Count < 30; i++)
        {
            guest.Lend(1, length + 12);
            received.AddRange(guest.Receive().Select(frame => frame.Bytes));
        }

        Assert.Equal(frames, received);
        Assert.Equal(30, sent + guest.Tx().Reap().Count);
    }

    [Fact]
    public void A_loop_holds_two_frames_of_any_size_or_is_not_made()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new LoopbackNetBackend(capacity: 128 << 10));
        LoopbackNetBackend loop = new(capacity: 140_000);
        loop.Attach(new TestPort());
        Assert.True(loop.CanSend(0));
    }
}
