using System.Buffers.Binary;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>Frames from the driver to the backend.</summary>
public sealed class NetTransmitTests
{
    private readonly SpyNetBackend backend = new();

    [Theory]
    [Trait("Row", "NET-D02")]
    [InlineData(14)]
    [InlineData(60)]
    [InlineData(1514)]
    [InlineData(NetFrame.MaxLength)]
    public void A_frame_goes_out_as_it_is_without_the_twelve_bytes_before_it(int length)
    {
        NetGuest guest = new(backend);
        byte[] frame = Ethernet(Peer, Own, length);
        guest.Send(frame);
        Assert.Equal((0, default, frame), Assert.Single(backend.Sent), Same);
    }

    [Fact]
    [Trait("Row", "NET-D02")]
    public void The_header_has_twelve_bytes_without_MRG_RXBUF_too()
    {
        NetGuest guest = new(backend, without: NetFeature.MergeBuffers);
        byte[] frame = Ethernet(Peer, Own, 60);
        guest.Send(frame);
        Assert.Equal(frame, Assert.Single(backend.Sent).Bytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(25)]
    [InlineData(100)]
    public void A_frame_may_be_cut_anywhere(int piece)
    {
        NetGuest guest = new(backend, new() { QueuePairs = 2 });
        byte[] frame = Udp4(Peer, Own, 1, 2, 60);
        byte[] packet = [.. new byte[12], .. frame];
        guest.SendPieces([.. packet.Chunk(piece)]);
        Assert.Equal(frame, Assert.Single(backend.Sent).Bytes);
    }

    [Fact]
    [Trait("Row", "NET-14"), Trait("Row", "NET-15"), Trait("Row", "NET-19")]
    public void Flags_that_are_unknown_and_checksums_that_are_not_asked_for_change_nothing()
    {
        NetGuest guest = new(backend);
        byte[] frame = Tcp4(Peer, Own, 100);
        frame[EthernetBytes + Ip4Bytes + 16] ^= 0x55;
        guest.Send(frame, new(0xf8, 0, ChecksumStart: 0xffff, ChecksumOffset: 0xffff, Buffers: 77));
        guest.Send(frame, new(0, 0, HeaderLength: 0xffff, GsoSize: 1, ChecksumStart: 10, ChecksumOffset: 2));
        Assert.Equal(2, backend.Sent.Count);
        Assert.All(backend.Sent, sent => Assert.Equal((default, frame), (sent.Header, sent.Bytes), SameFrame));
        Assert.Equal(0, guest.Device.Counters.MalformedSends);
    }

    [Theory]
    [Trait("Row", "NET-06"), Trait("Row", "NET-07")]
    [InlineData(1500)]
    [InlineData(9000)]
    public void With_MTU_a_frame_of_that_size_goes_out_in_one_piece(int mtu)
    {
        NetGuest guest = new(backend, new() { Mtu = mtu });
        byte[] frame = Ethernet(Peer, Own, mtu + EthernetBytes);
        guest.Send(frame);
        Assert.Equal(frame, Assert.Single(backend.Sent).Bytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(999)]
    [InlineData(1400)]
    public void The_device_completes_a_checksum_where_the_backend_cannot(int payload)
    {
        NetGuest guest = new(backend);
        byte[] complete = Udp4(Peer, Own, 5, 6, payload);
        (byte[] frame, NetHeader header) = Unfinished(complete);
        guest.Send(frame, header);
        byte[] tcp = Tcp4(Peer, Own, payload);
        (frame, header) = Unfinished(tcp);
        guest.SendPieces([.. ((byte[])[.. NetGuest.Bytes(header), .. frame]).Chunk(31)]);
        Assert.Equal([complete, tcp], backend.Sent.Select(sent => sent.Bytes));
        Assert.All(backend.Sent, sent => Assert.True(sent.Header.IsPlain));
        Assert.All(backend.Sent, sent => Assert.True(IsComplete4(sent.Bytes)));
    }

    [Fact]
    public void A_checksum_that_comes_out_as_zero_is_sent_as_the_other_zero()
    {
        NetGuest guest = new(backend);
        byte[] frame = Udp4(Peer, Own, 5, 6, 2);
        (frame, NetHeader header) = Unfinished(frame);
        Span<byte> udp = frame.AsSpan(EthernetBytes + Ip4Bytes);
        udp[8] = udp[9] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(udp[8..], (ushort)~Fold(Sum(udp)));
        guest.Send(frame, header);
        byte[] sent = Assert.Single(backend.Sent).Bytes;
        Assert.Equal([0xff, 0xff], sent[(EthernetBytes + Ip4Bytes + 6)..(EthernetBytes + Ip4Bytes + 8)]);
    }

    [Fact]
    public void A_backend_that_completes_checksums_gets_them_as_the_driver_left_them()
    {
        SpyNetBackend able = new(NetOffloads.Checksum);
        NetGuest guest = new(able);
        (byte[] frame, NetHeader header) = Unfinished(Udp4(Peer, Own, 5, 6, 300));
        guest.Send(frame, header with { HeaderLength = 99, GsoSize = 7, Flags = 0xf9, Buffers = 3 });
        (int _, NetHeader told, byte[] bytes) = Assert.Single(able.Sent);
        Assert.Equal((header, frame), (told, bytes), SameFrame);
    }

    [Fact]
    public void The_first_piece_of_a_frame_holds_the_checksum_that_its_header_speaks_of()
    {
        SpyNetBackend able = new(NetOffloads.Checksum);
        NetGuest guest = new(able);
        (byte[] frame, NetHeader header) = Unfinished(Udp4(Peer, Own, 5, 6, 300));
        guest.SendPieces([[.. NetGuest.Bytes(header), .. frame[..20]], frame[20..]]);
        Assert.Equal(frame, Assert.Single(able.Sent).Bytes);
        Assert.True(Assert.Single(able.FirstPieces) >= EthernetBytes + Ip4Bytes + UdpBytes);
    }

    public static TheoryData<byte, bool> Segmented => new()
    {
        { NetHeader.GsoTcp4, false }, { NetHeader.GsoTcp6, true }, { NetHeader.GsoUdp, false },
        { NetHeader.GsoTcp4 | NetHeader.GsoEcn, false }, { NetHeader.GsoTcp6 | NetHeader.GsoEcn, true },
    };

    [Theory, MemberData(nameof(Segmented))]
    [Trait("Row", "NET-17"), Trait("Row", "NET-18"), Trait("Case", "N09")]
    public void What_has_to_be_cut_is_passed_on_with_the_length_of_its_headers_whatever_the_driver_says_of_it(byte type, bool six)
    {
        SpyNetBackend able = new(NetOffloads.All);
        NetGuest guest = new(able);
        (byte[] frame, NetHeader header, int headers) = Large(type, six);
        foreach (ushort said in new ushort[] { 0, 1, (ushort)headers, 0xffff })
            guest.SendPieces([.. ((byte[])[.. NetGuest.Bytes(header with { HeaderLength = said }), .. frame]).Chunk(1000)]);
        Assert.Equal(4, able.Sent.Count);
        Assert.All(able.Sent, sent =>
            Assert.Equal((header with { HeaderLength = (ushort)headers }, frame), (sent.Header, sent.Bytes), SameFrame));
        // The headers lie together, so that a backend can look at them.
        Assert.All(able.FirstPieces, first => Assert.True(first >= headers));
    }

    [Theory, MemberData(nameof(Segmented))]
    [Trait("Case", "N09")]
    public void N09_What_was_not_negotiated_is_not_sent(byte type, bool six)
    {
        (byte[] frame, NetHeader header, _) = Large(type, six);
        ulong without = (type & ~NetHeader.GsoEcn) switch
        {
            NetHeader.GsoTcp4 => NetFeature.HostTso4,
            NetHeader.GsoTcp6 => NetFeature.HostTso6,
            _ => NetFeature.HostUfo,
        };
        if ((type & NetHeader.GsoEcn) != 0) without = NetFeature.HostEcn;
        SpyNetBackend able = new(NetOffloads.All);
        NetGuest guest = new(able, without: without);
        guest.Send(frame, header);
        Assert.Empty(able.Sent);
        Assert.Equal(1, guest.Device.Counters.MalformedSends);
        guest.AssertHealthy(able);
    }

    [Fact]
    public void Another_source_address_than_the_cards_is_counted()
    {
        NetGuest guest = new(backend);
        guest.Send(Ethernet(Peer, Own, 60));
        guest.Send(Ethernet(Peer, Stranger, 60));
        Assert.Equal((2, 1), (guest.Device.Counters.FramesSent, guest.Device.Counters.SpoofedSends));
        NetGuest free = new(new SpyNetBackend(), without: NetFeature.Mac);
        free.Send(Ethernet(Peer, Stranger, 60));
        Assert.Equal(0, free.Device.Counters.SpoofedSends);
    }

    [Fact]
    public void Frames_stay_in_the_ring_while_the_backend_has_no_room_and_none_is_lost()
    {
        NetGuest guest = new(backend);
        backend.Room = 3;
        byte[][] frames = [.. Enumerable.Range(0, 10).Select(i => Ethernet(Peer, Own, 60 + i))];
        foreach (byte[] frame in frames) guest.Tx().Add([[.. new byte[12], .. frame]]);
        guest.Tx().Kick();
        Assert.Equal(3, guest.Tx().Reap().Count);
        backend.MakeRoom(0);
        Assert.Empty(guest.Tx().Reap());
        backend.MakeRoom(5);
        Assert.Equal(5, guest.Tx().Reap().Count);
        backend.MakeRoom(int.MaxValue);
        Assert.Equal(2, guest.Tx().Reap().Count);
        Assert.Equal(frames, backend.Sent.Select(sent => sent.Bytes));
    }

    [Fact]
    public void Frames_that_come_in_one_run_are_passed_on_together()
    {
        NetGuest guest = new(backend);
        int runs = backend.Runs;
        for (int i = 0; i < 50; i++) guest.Tx().Add([[.. new byte[12], .. Ethernet(Peer, Own, 60)]]);
        guest.Tx().Kick();
        Assert.Equal((50, 1), (backend.Sent.Count, backend.Runs - runs));
    }

    [Fact]
    public void A_reset_while_the_backend_has_no_room_leaves_the_frames_to_the_driver()
    {
        NetGuest guest = new(backend);
        backend.Room = 0;
        guest.Tx().Submit([[.. new byte[12], .. Ethernet(Peer, Own, 60)]]);
        guest.Driver.Reset();
        Assert.Equal((DeviceStatus)0, guest.Driver.Status);
        backend.MakeRoom(int.MaxValue);
        Assert.Empty(backend.Sent);
        guest.Start();
        guest.AssertHealthy(backend);
    }

    [Fact]
    public void A_queue_that_is_stopped_while_the_backend_has_no_room_stops_at_once()
    {
        NetGuest guest = new(backend);
        backend.Room = 0;
        guest.Tx().Submit([[.. new byte[12], .. Ethernet(Peer, Own, 60)]]);
        guest.Driver.WriteRegister(MmioRegister.QueueSel, 1);
        guest.Driver.WriteRegister(MmioRegister.QueueReset, 1);
        Assert.Equal(0u, guest.Driver.ReadRegister(MmioRegister.QueueReset));
        guest.Driver.SetUpQueue(1);
        backend.MakeRoom(int.MaxValue);
        Assert.Empty(backend.Sent);
        guest.AssertHealthy(backend);
    }

    [Fact]
    public void The_guest_may_change_a_frame_while_it_is_sent()
    {
        // A checksum is completed in a copy: the driver's own buffer stays as it is.
        NetGuest guest = new(backend);
        (byte[] frame, NetHeader header) = Unfinished(Udp4(Peer, Own, 5, 6, 100));
        byte[] packet = [.. NetGuest.Bytes(header), .. frame];
        ulong address = guest.Driver.Allocate(packet.Length);
        guest.Driver.Memory.TryWrite(address, packet);
        guest.Tx().Add([new DriverSegment(address, (uint)packet.Length, IsWritable: false)]);
        guest.Tx().Kick();
        byte[] after = new byte[packet.Length];
        guest.Driver.Memory.TryRead(address, after);
        Assert.Equal(packet, after);
        Assert.True(IsComplete4(Assert.Single(backend.Sent).Bytes));
    }

    private static bool Same((int Queue, NetHeader Header, byte[] Bytes) a, (int Queue, NetHeader Header, byte[] Bytes) b) =>
        a.Queue == b.Queue && SameFrame((a.Header, a.Bytes), (b.Header, b.Bytes));

    private static bool SameFrame((NetHeader Header, byte[] Bytes) a, (NetHeader Header, byte[] Bytes) b) =>
        a.Header == b.Header && a.Bytes.AsSpan().SequenceEqual(b.Bytes);

    private static (byte[] Frame, NetHeader Header, int Headers) Large(byte type, bool six)
    {
        byte[] frame;
        NetHeader header;
        if (six)
        {
            frame = PartialTcp6(Peer, Own, 30_000);
            header = new(NetHeader.NeedsChecksum, type, ChecksumStart: EthernetBytes + Ip6Bytes, ChecksumOffset: 16);
        }
        else
        {
            bool udp = type == NetHeader.GsoUdp;
            (frame, header) = Unfinished(udp ? Udp4(Peer, Own, 1, 2, 30_000) : Tcp4(Peer, Own, 30_000));
        }

        int headers = header.ChecksumStart + (type == NetHeader.GsoUdp ? UdpBytes : TcpBytes);
        return (frame, header with { GsoType = type, GsoSize = 1448 }, headers);
    }
}
