using Squib.Virtio.Devices.Net;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>Frames from the backend into the buffers of the driver.</summary>
public sealed class NetReceiveTests
{
    private const ulong Segments =
        NetFeature.GuestTso4 | NetFeature.GuestTso6 | NetFeature.GuestUfo | NetFeature.GuestEcn;

    private readonly SpyNetBackend backend = new(NetOffloads.All);

    [Theory]
    [Trait("Row", "NET-20"), Trait("Row", "NET-22"), Trait("Row", "NET-23"), Trait("Row", "NET-D02")]
    [InlineData(14, false)]
    [InlineData(1514, false)]
    [InlineData(14, true)]
    [InlineData(1514, true)]
    public void A_frame_that_fits_fills_one_buffer_behind_twelve_bytes(int length, bool merges)
    {
        NetGuest guest = new(backend, without: merges ? 0 : NetFeature.MergeBuffers);
        byte[] frame = Ethernet(Own, Peer, length);
        backend.Arrive(frame);
        ReceivedFrame received = guest.ReceiveOne();
        Assert.Equal(new(0, 0, Buffers: 1), received.Header);
        Assert.Equal(frame, received.Bytes);
        Assert.Equal([12 + length], received.Lengths);
    }

    [Theory]
    [InlineData(new[] { 12, 2000 })]
    [InlineData(new[] { 1, 10, 1, 700, 900 })]
    [InlineData(new[] { 100, 1500 })]
    public void A_buffer_may_be_cut_anywhere(int[] pieces)
    {
        NetGuest guest = new(backend, without: NetFeature.MergeBuffers, buffers: 0);
        guest.Rx().Submit([], pieces);
        byte[] frame = Ethernet(Own, Peer, 1514);
        backend.Arrive(frame);
        ReceivedFrame received = guest.ReceiveOne();
        Assert.Equal(new(0, 0, Buffers: 1), received.Header);
        Assert.Equal(frame, received.Bytes);
    }

    [Theory]
    [Trait("Row", "NET-20"), Trait("Row", "NET-23"), Trait("Row", "NET-24")]
    [InlineData(256, 1000, new[] { 256, 256, 256, 244 })]
    [InlineData(256, 1012, new[] { 256, 256, 256, 256 })]
    [InlineData(256, 1013, new[] { 256, 256, 256, 256, 1 })]
    [InlineData(1500, 65_000, null)]
    public void With_MRG_RXBUF_a_frame_fills_as_many_buffers_as_it_needs_each_to_its_end(int buffer, int length, int[]? lengths)
    {
        NetGuest guest = new(backend, buffers: 0);
        guest.Lend(60, buffer);
        byte[] frame = Ethernet(Own, Peer, length);
        backend.Arrive(frame);
        ReceivedFrame received = guest.ReceiveOne();
        Assert.Equal(frame, received.Bytes);
        Assert.Equal(received.Lengths.Length, received.Header.Buffers);
        Assert.All(received.Lengths[..^1], here => Assert.Equal(buffer, here));
        if (lengths is not null) Assert.Equal(lengths, received.Lengths);
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Row", "NET-25")]
    public void The_buffers_of_one_frame_are_used_all_at_once()
    {
        WatchedMemory watched = new(16 << 20);
        NetGuest guest = new(backend, memory: new(new GuestRegion(0x8000_0000, watched.Memory)), buffers: 0);
        SplitDriverQueue queue = (SplitDriverQueue)guest.Rx();
        backend.Arrive(Ethernet(Own, Peer, 1000));
        guest.Lend(2, 256);
        // Two of the four that it needs: none of them is used yet.
        Assert.Equal(0, queue.UsedIndex);
        HashSet<ushort> seen = [];
        watched.LookedUp = () => seen.Add(queue.UsedIndex);
        guest.Lend(2, 256);
        watched.LookedUp = null;
        Assert.Equal(4, queue.UsedIndex);
        Assert.Contains((ushort)0, seen);
        Assert.Subset(new HashSet<ushort> { 0, 4 }, seen);
        Assert.Equal(4, guest.ReceiveOne().Header.Buffers);
    }

    [Fact]
    public void Buffers_that_come_one_by_one_are_gathered_for_a_large_frame()
    {
        NetGuest guest = new(backend, buffers: 0);
        byte[] large = Ethernet(Own, Peer, 1000);
        byte[] small = Ethernet(Own, Peer, 100, seed: 2);
        backend.Arrive(large);
        backend.Arrive(small);
        for (int i = 0; i < 3; i++)
        {
            guest.Lend(1, 256);
            Assert.Empty(guest.Receive());
        }

        guest.Lend(2, 256);
        Assert.Equal([large, small], guest.Receive().Select(frame => frame.Bytes));
    }

    [Fact]
    public void When_the_frame_goes_for_which_buffers_were_gathered_a_larger_one_waits_for_more_of_them()
    {
        NetGuest guest = new(backend, buffers: 0);
        backend.Arrive(Ethernet(Own, Peer, 1000));
        byte[] larger = Ethernet(Own, Peer, 2000);
        backend.Arrive(larger);
        int looks = 0;
        // The last look at the first frame finds the link down, and the one at the next frame finds it up again.
        backend.Peeking = () =>
        {
            looks++;
            if (looks == 2) guest.Device.SetLink(false);
            if (looks == 3) guest.Device.SetLink(true);
        };
        guest.Lend(4, 256);
        backend.Peeking = null;
        Assert.Equal(1, guest.Device.Counters.ReceivesWithoutLink);
        Assert.Empty(guest.Rx().Reap());
        guest.Lend(4, 256);
        Assert.Equal(larger, guest.ReceiveOne().Bytes);
    }

    [Fact]
    [Trait("Row", "NET-21"), Trait("Row", "NET-22")]
    public void Without_MRG_RXBUF_a_frame_that_is_too_large_for_its_buffer_is_lost_whole()
    {
        NetGuest guest = new(backend, without: NetFeature.MergeBuffers, buffers: 0);
        guest.Lend(3, 256);
        backend.Arrive(Ethernet(Own, Peer, 1000));
        UsedBuffer used = Assert.Single(guest.Rx().Reap());
        Assert.Equal(0u, used.Length);
        Assert.Equal(1, guest.Device.Counters.NoBufferFits);
        byte[] fits = Ethernet(Own, Peer, 244);
        backend.Arrive(fits);
        Assert.Equal(fits, guest.ReceiveOne().Bytes);
    }

    [Fact]
    public void A_frame_waits_in_the_backend_until_the_driver_lends_a_buffer()
    {
        NetGuest guest = new(backend, buffers: 0);
        byte[][] frames = [.. Enumerable.Range(0, 30).Select(i => Ethernet(Own, Peer, 100 + i))];
        foreach (byte[] frame in frames) backend.Arrive(frame);
        Assert.Equal(30, backend.Waiting());
        List<byte[]> received = [];
        foreach (int count in new[] { 1, 2, 7, 20 })
        {
            guest.Lend(count);
            received.AddRange(guest.Receive().Select(frame => frame.Bytes));
        }

        Assert.Equal(frames, received);
    }

    [Fact]
    [Trait("Row", "NET-33"), Trait("Row", "NET-34"), Trait("Row", "NET-35"), Trait("Row", "NET-36")]
    public void With_GUEST_CSUM_a_checksum_may_be_left_to_the_driver()
    {
        NetGuest guest = new(backend);
        byte[] complete = Tcp4(Own, Peer, 700);
        (byte[] frame, NetHeader header) = Unfinished(complete);
        backend.Arrive(frame, header with { HeaderLength = 3, GsoSize = 4 });
        ReceivedFrame received = guest.ReceiveOne();
        Assert.Equal(header with { Buffers = 1 }, received.Header);
        // The field holds the sum of the pseudo header, and the checksum before it is right.
        byte[] bytes = received.Bytes;
        Assert.Equal(frame, bytes);
        int at = received.Header.ChecksumStart + received.Header.ChecksumOffset;
        Assert.Equal(PseudoSum4(bytes), (bytes[at] << 8) | bytes[at + 1]);
        Assert.Equal(0xffff, Fold(Sum(bytes.AsSpan(EthernetBytes, Ip4Bytes))));
        // What the header says is enough to complete it.
        ushort sum = (ushort)~Fold(Sum(bytes.AsSpan(received.Header.ChecksumStart)));
        (bytes[at], bytes[at + 1]) = ((byte)(sum >> 8), (byte)sum);
        Assert.Equal(complete, bytes);
    }

    [Fact]
    [Trait("Row", "NET-45"), Trait("Row", "NET-46"), Trait("Row", "NET-43")]
    public void A_checksum_is_called_right_only_if_the_backend_has_checked_it()
    {
        NetGuest guest = new(backend);
        byte[] bad = Tcp4(Own, Peer, 100);
        bad[EthernetBytes + Ip4Bytes + 16] ^= 1;
        backend.Arrive(bad);
        Assert.Equal(0, guest.ReceiveOne().Header.Flags);
        backend.Arrive(Tcp4(Own, Peer, 100), new(NetHeader.DataValid, 0));
        Assert.Equal(NetHeader.DataValid, guest.ReceiveOne().Header.Flags);
        // Bits that a driver does not know are not passed on.
        backend.Arrive(Tcp4(Own, Peer, 100), new(0xfc, 0, ChecksumStart: 3));
        Assert.Equal(new(0, 0, Buffers: 1), guest.ReceiveOne().Header);
    }

    [Theory]
    [Trait("Row", "NET-26"), Trait("Row", "NET-27"), Trait("Row", "NET-37")]
    [InlineData(0)]
    [InlineData(1399)]
    public void Without_GUEST_CSUM_the_driver_gets_complete_frames_and_no_flags(int payload)
    {
        NetGuest guest = new(backend, without: NetFeature.GuestChecksum | Segments);
        byte[] complete = Udp4(Own, Peer, 1, 2, payload);
        (byte[] frame, NetHeader header) = Unfinished(complete);
        backend.Arrive(frame, header);
        backend.Arrive(complete, new(NetHeader.DataValid, 0));
        Assert.All(guest.Receive(), received =>
        {
            Assert.Equal(new(0, 0, Buffers: 1), received.Header);
            Assert.Equal(complete, received.Bytes);
        });
        Assert.Equal(2, guest.Device.Counters.FramesReceived);
    }

    [Theory]
    [InlineData(0xffff, 0xffff)]
    [InlineData(0xffff, 0)]
    [InlineData(0, 0xffff)]
    [InlineData(34, 985)]
    [InlineData(1017, 0)]
    public void A_checksum_outside_its_frame_is_not_completed_and_the_frame_is_lost(ushort start, ushort offset)
    {
        foreach (ulong without in new ulong[] { 0, NetFeature.GuestChecksum | Segments })
        {
            SpyNetBackend odd = new(NetOffloads.All);
            NetGuest guest = new(odd, without: without);
            NetHeader header = new(NetHeader.NeedsChecksum, 0, ChecksumStart: start, ChecksumOffset: offset);
            odd.Arrive(Ethernet(Own, Peer, 1018), header);
            Assert.Empty(guest.Receive());
            Assert.Equal(1, guest.Device.Counters.BadOffload);
            guest.AssertHealthy(odd);
        }
    }

    public static TheoryData<byte, ulong> Kinds => new()
    {
        { NetHeader.GsoTcp4, NetFeature.GuestTso4 },
        { NetHeader.GsoTcp6, NetFeature.GuestTso6 },
        { NetHeader.GsoUdp, NetFeature.GuestUfo },
        { NetHeader.GsoTcp4 | NetHeader.GsoEcn, NetFeature.GuestEcn },
        { NetHeader.GsoTcp6 | NetHeader.GsoEcn, NetFeature.GuestEcn },
    };

    [Theory, MemberData(nameof(Kinds))]
    [Trait("Row", "NET-32"), Trait("Row", "NET-38"), Trait("Row", "NET-39"), Trait("Row", "NET-44"), Trait("Row", "NET-47")]
    public void What_has_to_be_cut_comes_with_its_size_and_the_length_of_its_headers(byte type, ulong feature)
    {
        NetGuest guest = new(backend, buffers: 0);
        Assert.NotEqual(0u, guest.Driver.Features & feature);
        guest.Lend(64);
        (byte[] frame, NetHeader header, int headers) = Large(type);
        foreach (ushort said in new ushort[] { 0, (ushort)headers, 0xffff })
        {
            backend.Arrive(frame, header with { HeaderLength = said });
            ReceivedFrame received = guest.ReceiveOne();
            NetHeader expected = header with { HeaderLength = (ushort)headers, Buffers = (ushort)received.Lengths.Length };
            Assert.Equal(expected, received.Header);
            Assert.Equal(frame, received.Bytes);
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    [Trait("Row", "NET-28"), Trait("Row", "NET-29"), Trait("Row", "NET-30"), Trait("Row", "NET-31"), Trait("Row", "NET-37")]
    public void What_the_driver_cannot_cut_is_not_given_to_it(byte type, ulong feature)
    {
        NetGuest guest = new(backend, without: feature, buffers: 64);
        (byte[] frame, NetHeader header, _) = Large(type);
        backend.Arrive(frame, header);
        Assert.Empty(guest.Receive());
        Assert.Equal(1, guest.Device.Counters.BadOffload);
        guest.AssertHealthy(backend);
    }

    [Theory]
    [InlineData(NetHeader.GsoTcp4, 0, NetHeader.NeedsChecksum)]
    [InlineData(NetHeader.GsoTcp4, 1448, 0)]
    [InlineData(0x7f, 1448, NetHeader.NeedsChecksum)]
    [InlineData(2, 1448, NetHeader.NeedsChecksum)]
    public void What_cannot_be_cut_by_anybody_is_not_given_to_the_driver(byte type, ushort size, byte flags)
    {
        NetGuest guest = new(backend, buffers: 64);
        (byte[] frame, NetHeader header, _) = Large(NetHeader.GsoTcp4);
        backend.Arrive(frame, header with { GsoType = type, GsoSize = size, Flags = flags });
        Assert.Empty(guest.Receive());
        Assert.Equal(1, guest.Device.Counters.BadOffload);
    }

    [Theory]
    [InlineData(0x00)]
    [InlineData(0x40)]
    [InlineData(0xf0)]
    public void A_TCP_header_that_is_shorter_than_it_can_be_or_longer_than_its_frame_is_not_believed(byte length)
    {
        NetGuest guest = new(backend);
        (byte[] frame, NetHeader header, _) = Large(NetHeader.GsoTcp4, payload: 10);
        frame[EthernetBytes + Ip4Bytes + 12] = length;
        backend.Arrive(frame, header);
        Assert.Empty(guest.Receive());
        Assert.Equal(1, guest.Device.Counters.BadOffload);
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Row", "NET-05")]
    public void With_MTU_nothing_longer_comes_but_what_has_to_be_cut()
    {
        NetGuest guest = new(backend, new() { Mtu = 1500 }, buffers: 64);
        backend.Arrive(Ethernet(Own, Peer, 1515));
        backend.Arrive(Tagged(Own, Peer, 0, 1519));
        Assert.Empty(guest.Receive());
        Assert.Equal(2, guest.Device.Counters.BadLength);
        backend.Arrive(Ethernet(Own, Peer, 1514));
        backend.Arrive(Tagged(Own, Peer, 0, 1518));
        (byte[] large, NetHeader header, _) = Large(NetHeader.GsoTcp4);
        backend.Arrive(large, header);
        Assert.Equal([1514, 1518, large.Length], guest.Receive().Select(frame => frame.Bytes.Length));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    [InlineData(NetFrame.MaxLength + 1)]
    public void A_frame_that_no_wire_could_carry_is_lost(int length)
    {
        NetGuest guest = new(backend, buffers: 64);
        backend.Arrive(new byte[length]);
        Assert.Empty(guest.Receive());
        Assert.Equal(1, guest.Device.Counters.BadLength);
        guest.AssertHealthy(backend);
    }

    [Fact]
    public void The_backend_learns_what_the_driver_takes()
    {
        NetGuest guest = new(backend);
        Assert.Equal((NetOffloads.All, 1), backend.Told[^1]);
        guest.Start(without: NetFeature.GuestTso4 | NetFeature.GuestEcn);
        Assert.Equal((NetOffloads.All & ~(NetOffloads.Tso4 | NetOffloads.Ecn), 1), backend.Told[^1]);
        guest.Start(without: NetFeature.GuestChecksum | Segments);
        Assert.Equal((NetOffloads.None, 1), backend.Told[^1]);
    }

    [Fact]
    public void A_reset_with_half_of_a_frames_buffers_gathered_is_finished_at_once()
    {
        NetGuest guest = new(backend, buffers: 0);
        backend.Arrive(Ethernet(Own, Peer, 1000));
        guest.Lend(2, 256);
        Assert.Empty(guest.Rx().Reap());
        guest.Driver.Reset();
        Assert.Equal((DeviceStatus)0, guest.Driver.Status);
        guest.Start();
        // What came for the last driver is not for this one.
        Assert.Empty(guest.Receive());
        guest.AssertHealthy(backend);
    }

    [Fact]
    public void A_queue_that_is_stopped_while_buffers_are_gathered_stops_at_once_and_the_frame_is_lost()
    {
        NetGuest guest = new(backend, buffers: 0);
        backend.Arrive(Ethernet(Own, Peer, 1000));
        guest.Lend(2, 256);
        guest.Driver.WriteRegister(MmioRegister.QueueSel, 0);
        guest.Driver.WriteRegister(MmioRegister.QueueReset, 1);
        Assert.Equal(0u, guest.Driver.ReadRegister(MmioRegister.QueueReset));
        Assert.Equal(1, guest.Device.Counters.ReceivesWithoutDriver);
        guest.Driver.SetUpQueue(0);
        guest.Lend(4);
        guest.AssertHealthy(backend);
    }

    private static (byte[] Frame, NetHeader Header, int Headers) Large(byte type, int payload = 30_000)
    {
        byte[] frame;
        NetHeader header;
        byte kind = (byte)(type & ~NetHeader.GsoEcn);
        if (kind == NetHeader.GsoTcp6)
        {
            frame = PartialTcp6(Own, Peer, payload);
            header = new(NetHeader.NeedsChecksum, type, ChecksumStart: EthernetBytes + Ip6Bytes, ChecksumOffset: 16);
        }
        else
        {
            (frame, header) = Unfinished(kind == NetHeader.GsoUdp ? Udp4(Own, Peer, 1, 2, payload) : Tcp4(Own, Peer, payload));
        }

        int headers = header.ChecksumStart + (kind == NetHeader.GsoUdp ? UdpBytes : TcpBytes);
        return (frame, header with { GsoType = type, GsoSize = 1448 }, headers);
    }
}
