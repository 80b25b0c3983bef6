using System.Buffers.Binary;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>What a network card shows of itself, and what the host can change while it runs.</summary>
public sealed class NetDeviceTests
{
    private const ulong Control = NetFeature.ControlQueue | NetFeature.ControlReceive | NetFeature.ControlReceiveExtra
        | NetFeature.ControlVlan | NetFeature.GuestAnnounce | NetFeature.ControlMacAddress | NetFeature.ControlGuestOffloads;

    private const ulong Always = NetFeature.Mac | NetFeature.Status | NetFeature.SpeedDuplex;

    private readonly SpyNetBackend backend = new();

    [Fact]
    [Trait("Row", "NET-01"), Trait("Row", "NET-02"), Trait("Row", "NET-11"), Trait("Row", "NET-12"), Trait("Row", "NET-D03")]
    public void The_configuration_space_has_every_field_at_its_place()
    {
        NetOptions options = new() { Mac = Own, Mtu = 9000, QueuePairs = 3, SpeedMbps = 10_000, FullDuplex = true };
        NetGuest guest = new(backend, options);
        byte[] config = guest.Driver.ReadConfig(0, 24);
        byte[] expected =
        [
            0x02, 0x51, 0, 0, 0, 1, // mac
            1, 0, // status: the link is up
            3, 0, // max_virtqueue_pairs
            0x28, 0x23, // mtu
            0x10, 0x27, 0, 0, // speed
            1, // duplex: full
            0, 0, 0, 0, 0, 0, 0,
        ];
        Assert.Equal(expected, config);
    }

    [Fact]
    [Trait("Row", "NET-11"), Trait("Row", "NET-12")]
    public void A_speed_that_nobody_knows_is_told_so()
    {
        NetGuest guest = new(backend);
        Assert.Equal([0xff, 0xff, 0xff, 0xff, 0xff], guest.Driver.ReadConfig(12, 5));
        NetGuest half = new(new SpyNetBackend(), new() { SpeedMbps = NetOptions.MaxSpeedMbps, FullDuplex = false });
        Assert.Equal([0xff, 0xff, 0xff, 0x7f, 0], half.Driver.ReadConfig(12, 5));
    }

    [Fact]
    [Trait("Row", "NET-01"), Trait("Row", "NET-02"), Trait("Row", "NET-11")]
    public void What_cannot_be_offered_is_refused()
    {
        void Refuses<T>(NetOptions options)
            where T : ArgumentException => Assert.Throws<T>(() => new NetDevice(backend, options));
        Refuses<ArgumentOutOfRangeException>(new() { Mtu = 67 });
        Refuses<ArgumentOutOfRangeException>(new() { Mtu = 65_536 });
        Refuses<ArgumentOutOfRangeException>(new() { QueuePairs = 0 });
        Refuses<ArgumentOutOfRangeException>(new() { QueuePairs = NetOptions.MaxQueuePairs + 1 });
        Refuses<ArgumentException>(new() { QueuePairs = 2, ControlQueue = false });
        Refuses<ArgumentOutOfRangeException>(new() { QueueSize = 0 });
        Refuses<ArgumentOutOfRangeException>(new() { SpeedMbps = 0x8000_0000 });
        Refuses<ArgumentException>(new() { Mac = Group });
        Refuses<ArgumentException>(new() { Mac = default(MacAddress) });
        Assert.Throws<ArgumentException>(() => new NetDevice(new SpyNetBackend(queues: 2), new() { QueuePairs = 3 }));
        Assert.Throws<ArgumentNullException>(() => new NetDevice(null!));
    }

    [Fact]
    [Trait("Row", "NET-03")]
    public void The_MTU_is_the_guests_own_unless_the_host_sets_it()
    {
        NetDevice device = new(backend);
        Assert.Equal(0u, device.Features & NetFeature.Mtu);
        NetDevice small = new(new SpyNetBackend(), new() { Mtu = NetOptions.MinMtu });
        Assert.NotEqual(0u, small.Features & NetFeature.Mtu);
    }

    [Fact]
    [Trait("Row", "NET-04")]
    public void The_MTU_stays_whatever_happens()
    {
        NetGuest guest = new(backend, new() { Mtu = 1500 });
        guest.AssertHealthy(backend);
        guest.Device.SetLink(false);
        guest.Device.SetLink(true);
        guest.Driver.WriteConfig(10, 1, 2);
        guest.Driver.Start();
        Assert.Equal([0xdc, 0x05], guest.Driver.ReadConfig(10, 2));
    }

    [Fact]
    public void An_address_is_made_up_for_a_card_without_one()
    {
        NetDevice first = new(backend);
        NetDevice second = new(new SpyNetBackend());
        Assert.True(first.Mac.IsUnicast);
        Span<byte> bytes = stackalloc byte[6];
        first.Mac.Write(bytes);
        Assert.Equal(2, bytes[0] & 3);
        Assert.NotEqual(first.Mac, second.Mac);
    }

    public static TheoryData<NetOffloads, NetOffloads, ulong> Offers => new()
    {
        { NetOffloads.None, NetOffloads.All, NetFeature.Checksum | NetFeature.GuestChecksum },
        { NetOffloads.All, NetOffloads.None, 0 },
        { NetOffloads.All, NetOffloads.Tso4, 0 },
        { NetOffloads.All, NetOffloads.Checksum, NetFeature.Checksum | NetFeature.GuestChecksum },
        {
            NetOffloads.Checksum | NetOffloads.Tso4 | NetOffloads.Ecn, NetOffloads.All,
            NetFeature.Checksum | NetFeature.GuestChecksum | NetFeature.HostTso4 | NetFeature.GuestTso4 | NetFeature.HostEcn
            | NetFeature.GuestEcn
        },
        {
            NetOffloads.All, NetOffloads.Checksum | NetOffloads.Ecn | NetOffloads.Ufo,
            NetFeature.Checksum | NetFeature.GuestChecksum | NetFeature.HostUfo | NetFeature.GuestUfo
        },
        {
            NetOffloads.All, NetOffloads.Checksum | NetOffloads.Tso6,
            NetFeature.Checksum | NetFeature.GuestChecksum | NetFeature.HostTso6 | NetFeature.GuestTso6
        },
    };

    [Theory, MemberData(nameof(Offers))]
    public void Offloads_are_offered_that_the_backend_can_do_and_the_host_wants(NetOffloads can, NetOffloads wanted, ulong expected)
    {
        NetDevice device = new(new SpyNetBackend(can), new() { Offloads = wanted, ControlQueue = false, MergeBuffers = false });
        Assert.Equal(Always | expected, device.Features);
    }

    [Fact]
    [Trait("Row", "NET-73")]
    public void Options_switch_the_other_features()
    {
        ulong Offered(NetOptions options) =>
            new NetDevice(new SpyNetBackend(), options with { Offloads = NetOffloads.None }).Features;
        Assert.Equal(Always | NetFeature.MergeBuffers | Control, Offered(new()));
        Assert.Equal(Always | Control, Offered(new() { MergeBuffers = false }));
        Assert.Equal(Always | NetFeature.MergeBuffers, Offered(new() { ControlQueue = false }));
        Assert.Equal(
            Always | NetFeature.MergeBuffers | Control | NetFeature.MultiQueue | NetFeature.Mtu,
            Offered(new() { QueuePairs = 2, Mtu = 1500 }));
    }

    [Theory]
    [InlineData(NetFeature.GuestTso4, NetFeature.GuestChecksum)]
    [InlineData(NetFeature.GuestTso6, NetFeature.GuestChecksum)]
    [InlineData(NetFeature.GuestUfo, NetFeature.GuestChecksum)]
    [InlineData(NetFeature.GuestEcn, NetFeature.GuestTso4)]
    [InlineData(NetFeature.GuestEcn, NetFeature.GuestTso6)]
    [InlineData(NetFeature.HostTso4, NetFeature.Checksum)]
    [InlineData(NetFeature.HostTso6, NetFeature.Checksum)]
    [InlineData(NetFeature.HostUfo, NetFeature.Checksum)]
    [InlineData(NetFeature.HostEcn, NetFeature.HostTso4)]
    [InlineData(NetFeature.HostEcn, NetFeature.HostTso6)]
    [InlineData(NetFeature.ControlReceive, NetFeature.ControlQueue)]
    [InlineData(NetFeature.ControlVlan, NetFeature.ControlQueue)]
    [InlineData(NetFeature.GuestAnnounce, NetFeature.ControlQueue)]
    [InlineData(NetFeature.MultiQueue, NetFeature.ControlQueue)]
    [InlineData(NetFeature.ControlMacAddress, NetFeature.ControlQueue)]
    public void A_feature_without_the_one_that_it_needs_is_refused(ulong feature, ulong needed)
    {
        NetGuest guest = new(new SpyNetBackend(NetOffloads.All), new() { QueuePairs = 2 }, start: false);
        // What else the needed feature may need to be there.
        ulong rest = NetFeature.Checksum | NetFeature.GuestChecksum;
        Assert.False(guest.Driver.Probe(VirtioFeature.Version1 | feature | (rest & ~needed)));
        Assert.True(guest.Driver.Probe(VirtioFeature.Version1 | feature | needed | rest));
    }

    [Fact]
    [Trait("Row", "NET-D01")]
    public void The_control_queue_is_the_third_for_a_driver_of_one_pair_and_the_last_for_one_of_many()
    {
        NetGuest one = new(backend, new() { QueuePairs = 3 }, without: NetFeature.MultiQueue);
        one.Driver.Queues[2].Submit([[0, 0], [1]], [1]);
        Assert.Equal([0], Assert.Single(one.Driver.Queues[2].Reap()).Written);
        NetGuest many = new(new SpyNetBackend(), new() { QueuePairs = 3 });
        many.Driver.Queues[6].Submit([[0, 0], [1]], [1]);
        Assert.Equal([0], Assert.Single(many.Driver.Queues[6].Reap()).Written);
        many.Driver.Queues[2].Submit([[0, 0], [1]], [1]);
        Assert.Empty(many.Driver.Queues[2].Reap());
    }

    [Fact]
    [Trait("Row", "NET-D03")]
    public void The_host_takes_the_link_down_and_up_and_the_driver_is_interrupted()
    {
        NetGuest guest = new(backend);
        guest.Device.SetLink(false);
        Assert.Equal(2u, guest.Driver.HandleInterrupt());
        Assert.Equal(0, guest.Status);
        Assert.False(guest.Device.IsLinkUp);
        guest.Device.SetLink(false);
        Assert.Equal(0u, guest.Driver.HandleInterrupt());
        guest.Device.SetLink(true);
        Assert.Equal(2u, guest.Driver.HandleInterrupt());
        Assert.Equal(1, guest.Status);
    }

    [Fact]
    public void The_link_is_up_when_both_the_host_wants_it_and_the_cable_is_in()
    {
        NetGuest guest = new(backend, new() { LinkUp = false });
        Assert.Equal(0, guest.Status);
        guest.Device.SetLink(true);
        Assert.Equal(1, guest.Status);
        backend.Port.LinkChanged(false);
        Assert.Equal(0, guest.Status);
        guest.Device.SetLink(false);
        backend.Port.LinkChanged(true);
        Assert.Equal(0, guest.Status);
        guest.Device.SetLink(true);
        Assert.Equal(1, guest.Status);
    }

    [Fact]
    public void While_the_link_is_down_no_frame_passes_in_either_direction()
    {
        NetGuest guest = new(backend);
        guest.Device.SetLink(false);
        guest.Send(Ethernet(Peer, Own, 60));
        backend.Arrive(Ethernet(Own, Peer, 60));
        Assert.Empty(backend.Sent);
        Assert.Empty(guest.Receive());
        Assert.Equal(0, backend.Waiting());
        NetCounters counters = guest.Device.Counters;
        Assert.Equal((1, 1), (counters.SendsWithoutLink, counters.ReceivesWithoutLink));
        guest.Device.SetLink(true);
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Row", "NET-13")]
    public void The_speed_changes_only_while_the_link_is_down()
    {
        NetGuest guest = new(backend, new() { SpeedMbps = 100, FullDuplex = true });
        Assert.Throws<InvalidOperationException>(() => guest.Device.SetSpeed(1000, false));
        Assert.Equal([100, 0, 0, 0, 1], guest.Driver.ReadConfig(12, 5));
        guest.Device.SetLink(false);
        guest.Driver.HandleInterrupt();
        Assert.Throws<ArgumentOutOfRangeException>(() => guest.Device.SetSpeed(0x8000_0000, null));
        guest.Device.SetSpeed(1000, null);
        Assert.Equal([0xe8, 3, 0, 0, 0xff], guest.Driver.ReadConfig(12, 5));
        Assert.Equal(2u, guest.Driver.HandleInterrupt());
    }

    [Fact]
    [Trait("Row", "NET-72"), Trait("Row", "NET-D07")]
    public void The_guest_announces_itself_when_asked_and_says_that_it_has_seen_the_request()
    {
        NetGuest guest = new(backend);
        Assert.True(guest.Device.Announce());
        Assert.Equal(2u, guest.Driver.HandleInterrupt());
        Assert.Equal(3, guest.Status);
        Assert.Equal(NetGuest.Ok, guest.Command(3, 0));
        Assert.Equal(1, guest.Status);
        Assert.Equal(NetGuest.Error, guest.Command(3, 1));
    }

    [Fact]
    public void A_guest_that_cannot_announce_itself_is_not_asked()
    {
        NetGuest guest = new(backend, start: false);
        Assert.False(guest.Device.Announce());
        guest.Start(without: NetFeature.GuestAnnounce);
        Assert.False(guest.Device.Announce());
        Assert.Equal(1, guest.Status);
        Assert.Equal(NetGuest.Error, guest.Command(3, 0));
    }

    [Fact]
    public void A_reset_takes_back_all_that_the_driver_has_set()
    {
        NetGuest guest = new(backend, new() { QueuePairs = 2 });
        byte[] address = [0x02, 0x51, 0, 0, 0, 9];
        Assert.Equal(NetGuest.Ok, guest.Command(1, 1, address));
        Assert.Equal(NetGuest.Ok, guest.UsePairs(2));
        Assert.True(guest.Device.Announce());
        Assert.Equal(2, guest.Device.PairsInUse);
        guest.Driver.Reset();
        Assert.Equal(0, guest.Device.PairsInUse);
        Assert.Equal(Own, guest.Device.Mac);
        Assert.Equal(1, guest.Status);
        guest.Start();
        Assert.Equal(1, guest.Device.PairsInUse);
        guest.AssertHealthy(backend);
    }

    [Theory]
    [InlineData("02:51:00:00:00:01", true)]
    [InlineData("FF:ff:ff:ff:ff:ff", true)]
    [InlineData("02:51:00:00:00", false)]
    [InlineData("02:51:00:00:00:1", false)]
    [InlineData("02:51:00:00:00:+1", false)]
    [InlineData("02:51:00:00:00:0g", false)]
    [InlineData("02-51-00-00-00-01", false)]
    [InlineData(null, false)]
    public void An_address_is_six_pairs_of_digits(string? text, bool valid)
    {
        Assert.Equal(valid, MacAddress.TryParse(text, out MacAddress address));
        if (valid) Assert.Equal(text, address.ToString(), ignoreCase: true);
    }

    [Fact]
    public void The_device_says_what_it_has_done()
    {
        NetGuest guest = new(backend);
        guest.Send(Ethernet(Peer, Own, 60));
        guest.Send(Ethernet(Peer, Own, 70));
        backend.Arrive(Ethernet(Own, Peer, 80));
        guest.Command(0, 0, 1);
        guest.Command(9, 9);
        NetCounters counters = guest.Device.Counters;
        Assert.Equal((2, 130), (counters.FramesSent, counters.BytesSent));
        Assert.Equal((1, 80), (counters.FramesReceived, counters.BytesReceived));
        Assert.Equal((2, 1), (counters.Commands, counters.FailedCommands));
    }

    [Fact]
    public void The_type_is_that_of_a_network_card()
    {
        NetGuest guest = new(backend);
        Assert.Equal(1u, guest.Driver.ReadRegister(MmioRegister.DeviceId));
        Assert.Equal(1, BinaryPrimitives.ReadUInt16LittleEndian(guest.Driver.ReadConfig(6, 2)));
    }
}
