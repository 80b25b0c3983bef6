using Squib.Virtio.Devices.Net;
using Squib.Virtio.Testing;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;
using static Squib.Virtio.Tests.Devices.Net.NetGuest;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>What a driver says on the control queue of the frames that it wants.</summary>
public sealed class NetControlTests
{
    private const byte Promiscuous = 0;
    private const byte AllMulticast = 1;
    private const byte AllUnicast = 2;
    private const byte NoMulticast = 3;
    private const byte NoUnicast = 4;
    private const byte NoBroadcast = 5;

    private readonly SpyNetBackend backend = new(NetOffloads.All);
    private readonly NetGuest guest;

    public NetControlTests() => guest = new(backend);

    /// <summary>The modes that are on, and then whether frames are heard: own, strange, group, broadcast.</summary>
    public static TheoryData<byte[], string> Modes => new()
    {
        { [], "own broadcast" },
        { [Promiscuous], "own stranger group broadcast" },
        { [AllMulticast], "own group broadcast" },
        { [AllUnicast], "own stranger broadcast" },
        { [NoMulticast], "own broadcast" },
        { [AllMulticast, NoMulticast], "own broadcast" },
        { [NoUnicast], "broadcast" },
        { [AllUnicast, NoUnicast], "broadcast" },
        { [NoBroadcast], "own" },
        { [AllMulticast, NoBroadcast], "own group" },
        { [NoMulticast, NoUnicast, NoBroadcast], "" },
        { [Promiscuous, NoMulticast, NoUnicast, NoBroadcast], "own stranger group broadcast" },
        { [NoMulticast, AllMulticast, AllUnicast], "own stranger broadcast" },
    };

    [Theory, MemberData(nameof(Modes))]
    [Trait("Row", "NET-51"), Trait("Row", "NET-52"), Trait("Row", "NET-53"), Trait("Row", "NET-54"), Trait("Row", "NET-55")]
    [Trait("Row", "NET-56"), Trait("Row", "NET-57"), Trait("Row", "NET-58"), Trait("Row", "NET-59"), Trait("Row", "NET-60")]
    [Trait("Row", "NET-61"), Trait("Row", "NET-62"), Trait("Row", "NET-63"), Trait("Row", "NET-64"), Trait("Row", "NET-65")]
    [Trait("Row", "NET-66"), Trait("Row", "NET-67"), Trait("Row", "NET-71")]
    public void Modes_say_which_frames_are_heard(byte[] on, string heard)
    {
        foreach (byte mode in on) Assert.Equal(Ok, guest.Command(0, mode, 1));
        Assert.Equal(heard, Heard());
        // And off again.
        foreach (byte mode in on) Assert.Equal(Ok, guest.Command(0, mode, 0));
        Assert.Equal("own broadcast", Heard());
    }

    [Fact]
    [Trait("Row", "NET-71")]
    public void Without_a_way_to_say_what_it_wants_a_driver_hears_everything()
    {
        guest.Start(without: NetFeature.ControlReceive | NetFeature.ControlReceiveExtra | NetFeature.ControlVlan);
        Assert.Equal("own stranger group broadcast", Heard());
        Assert.Equal(Error, guest.Command(0, Promiscuous, 1));
        Assert.Equal(Error, guest.Command(0, AllMulticast, 1));
        Assert.Equal(Error, guest.SetTable([], []));
        Assert.Equal(Error, guest.Command(2, 0, 5, 0));
    }

    [Fact]
    public void Without_CTRL_RX_EXTRA_its_modes_are_refused_and_the_others_are_not()
    {
        guest.Start(without: NetFeature.ControlReceiveExtra);
        for (byte mode = AllUnicast; mode <= NoBroadcast; mode++) Assert.Equal(Error, guest.Command(0, mode, 1));
        Assert.Equal(Ok, guest.Command(0, AllMulticast, 1));
        Assert.Equal("own group broadcast", Heard());
    }

    [Theory]
    [InlineData(new byte[] { 6, 1 })]
    [InlineData(new byte[] { 0xff, 1 })]
    [InlineData(new byte[] { 0, 2 })]
    [InlineData(new byte[] { 0, 0xff })]
    [InlineData(new byte[] { 0 })]
    [Trait("Row", "NET-D04")]
    public void A_mode_that_is_unknown_or_neither_on_nor_off_is_refused(byte[] command)
    {
        Assert.Equal(Error, guest.Command(0, command[0], command[1..]));
        Assert.Equal("own broadcast", Heard());
    }

    [Fact]
    [Trait("Row", "NET-69"), Trait("Row", "NET-D05")]
    public void The_table_of_addresses_is_in_force_when_its_command_is_answered_and_replaces_the_last_one()
    {
        Assert.Equal(Ok, guest.SetTable([Stranger, Mac(70)], [Group]));
        Assert.Equal("own stranger group broadcast", Heard());
        Assert.True(Hears(Ethernet(Mac(70), Peer, 60)));
        Assert.Equal(Ok, guest.SetTable([Mac(70)], []));
        Assert.Equal("own broadcast", Heard());
        Assert.True(Hears(Ethernet(Mac(70), Peer, 60)));
        Assert.Equal(Ok, guest.SetTable([], []));
        Assert.False(Hears(Ethernet(Mac(70), Peer, 60)));
    }

    [Fact]
    [Trait("Row", "NET-D05")]
    public void A_table_may_have_as_many_addresses_as_the_limit_and_come_in_pieces()
    {
        MacAddress[] many = [.. Enumerable.Range(1000, NetOptions.MaxFilterAddresses - 1).Select(Mac)];
        byte[] data = [1, 0, .. Table(many), .. Table([Group])];
        guest.Control.Submit([.. data.Chunk(777)], [1]);
        Assert.Equal([Ok], Assert.Single(guest.Control.Reap()).Written);
        Assert.True(Hears(Ethernet(many[0], Peer, 60)));
        Assert.True(Hears(Ethernet(many[^1], Peer, 60)));
        Assert.True(Hears(Ethernet(Group, Peer, 60)));
        Assert.False(Hears(Ethernet(Mac(999), Peer, 60)));
        Assert.Equal(Error, guest.SetTable([.. many, Mac(5)], [Group]));
        Assert.True(Hears(Ethernet(Group, Peer, 60)));
    }

    [Fact]
    [Trait("Row", "NET-D05")]
    public void A_table_whose_length_does_not_match_its_numbers_changes_nothing()
    {
        Assert.Equal(Ok, guest.SetTable([Stranger], []));
        byte[] good = [.. Table([Mac(70)]), .. Table([Group])];
        foreach (int length in new[] { 0, 3, 4, 9, 10, 13, 14, good.Length - 1 })
            Assert.Equal(Error, guest.Command(1, 0, good[..length]));
        Assert.Equal(Error, guest.Command(1, 0, [.. good, 0]));
        Assert.Equal("own stranger broadcast", Heard());
    }

    [Fact]
    [Trait("Row", "NET-68")]
    public void A_reset_empties_the_table_and_switches_the_modes_off()
    {
        Assert.Equal(Ok, guest.SetTable([Stranger], [Group]));
        Assert.Equal(Ok, guest.Command(0, NoBroadcast, 1));
        Assert.Equal(Ok, guest.Command(2, 0, 5, 0));
        guest.Start();
        Assert.Equal("own broadcast", Heard());
        Assert.False(Hears(Tagged(Own, Peer, 5)));
    }

    [Fact]
    [Trait("Row", "NET-70"), Trait("Row", "NET-71")]
    public void The_driver_sets_the_address_and_finds_it_in_the_configuration_space()
    {
        byte[] address = [0x02, 0x51, 0, 0, 0, 3];
        Assert.Equal(Ok, guest.Command(1, 1, address));
        Assert.Equal(address, guest.Driver.ReadConfig(0, 6));
        Assert.Equal(Stranger, guest.Device.Mac);
        Assert.Equal("stranger broadcast", Heard());
        // It is told through the configuration space, without an interrupt: the driver knows.
        Assert.Equal(0u, guest.Driver.HandleInterrupt() & 2);
    }

    [Theory]
    [InlineData(new byte[] { 3, 0x51, 0, 0, 0, 3 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 2, 0x51, 0, 0, 0 })]
    [InlineData(new byte[] { 2, 0x51, 0, 0, 0, 3, 0 })]
    [InlineData(new byte[] { })]
    public void An_address_that_no_card_can_have_is_refused(byte[] address)
    {
        Assert.Equal(Error, guest.Command(1, 1, address));
        Assert.Equal(Own, guest.Device.Mac);
    }

    [Fact]
    public void Without_CTRL_MAC_ADDR_the_address_stays()
    {
        guest.Start(without: NetFeature.ControlMacAddress);
        Assert.Equal(Error, guest.Command(1, 1, 2, 0x51, 0, 0, 0, 3));
        Assert.Equal(Own, guest.Device.Mac);
    }

    [Fact]
    public void A_driver_that_was_given_no_address_hears_all_that_is_for_one()
    {
        guest.Start(without: NetFeature.Mac);
        Assert.Equal("own stranger broadcast", Heard());
    }

    [Fact]
    [Trait("Row", "NET-D06")]
    public void Only_VLANs_that_the_driver_has_added_are_heard()
    {
        Assert.False(Hears(Tagged(Own, Peer, 5)));
        Assert.Equal(Ok, guest.Command(2, 0, 5, 0));
        Assert.Equal(Ok, guest.Command(2, 0, 0xff, 0x0f));
        Assert.True(Hears(Tagged(Own, Peer, 5)));
        // The upper four bits are a priority.
        Assert.True(Hears(Tagged(Own, Peer, 0xa005)));
        Assert.True(Hears(Tagged(Own, Peer, 4095)));
        Assert.False(Hears(Tagged(Own, Peer, 6)));
        Assert.False(Hears(Tagged(Stranger, Peer, 5)));
        Assert.Equal(Ok, guest.Command(2, 1, 5, 0));
        Assert.False(Hears(Tagged(Own, Peer, 5)));
        // No tag, and a tag for a priority only, are no VLAN.
        Assert.True(Hears(Tagged(Own, Peer, 0xe000)));
        Assert.True(Hears(Ethernet(Own, Peer, 60)));
        Assert.Equal(Error, guest.Command(2, 2, 5, 0));
        Assert.Equal(Error, guest.Command(2, 0, 5));
        Assert.Equal(Ok, guest.Command(0, Promiscuous, 1));
        Assert.True(Hears(Tagged(Stranger, Peer, 6)));
    }

    [Fact]
    public void Without_CTRL_VLAN_all_VLANs_are_heard()
    {
        guest.Start(without: NetFeature.ControlVlan);
        Assert.True(Hears(Tagged(Own, Peer, 6)));
    }

    [Fact]
    [Trait("Row", "NET-D08")]
    public void What_the_driver_takes_is_on_at_first_and_can_be_switched_off_and_on()
    {
        byte[] complete = Tcp4(Own, Peer, 100);
        (byte[] frame, NetHeader header) = Unfinished(complete);
        NetHeader large = header with { GsoType = NetHeader.GsoTcp4, GsoSize = 50 };
        ReceivedFrame Receive(NetHeader told)
        {
            backend.Arrive(frame, told);
            return guest.ReceiveOne();
        }

        Assert.Equal(NetHeader.GsoTcp4, Receive(large).Header.GsoType);
        Assert.Equal(Ok, guest.UseOffloads(NetFeature.GuestChecksum));
        Assert.Equal(NetOffloads.Checksum, backend.Told[^1].Offloads);
        Assert.Equal(NetHeader.NeedsChecksum, Receive(header).Header.Flags);
        Assert.False(Hears(frame, large));
        Assert.Equal(Ok, guest.UseOffloads(0));
        Assert.Equal(NetOffloads.None, backend.Told[^1].Offloads);
        Assert.Equal(new(0, 0, Buffers: 1), Receive(header).Header);
        Assert.False(Hears(frame, large));
        // Segments without checksums are nothing that a frame can have.
        Assert.Equal(Ok, guest.UseOffloads(NetFeature.GuestTso4));
        Assert.Equal(NetOffloads.None, backend.Told[^1].Offloads);
        Assert.Equal(Ok, guest.UseOffloads(NetFeature.GuestChecksum | NetFeature.GuestTso4));
        Assert.Equal(NetHeader.GsoTcp4, Receive(large).Header.GsoType);
    }

    [Fact]
    public void What_was_not_negotiated_cannot_be_switched_on()
    {
        guest.Start(without: NetFeature.GuestTso6);
        Assert.Equal(Error, guest.UseOffloads(NetFeature.GuestChecksum | NetFeature.GuestTso6));
        Assert.Equal(Error, guest.UseOffloads(1UL << 40));
        Assert.Equal(Error, guest.Command(5, 0, 1, 0, 0, 0));
        Assert.Equal(Error, guest.Command(5, 1, 1, 0, 0, 0, 0, 0, 0, 0));
        guest.Start(without: NetFeature.ControlGuestOffloads);
        Assert.Equal(Error, guest.UseOffloads(NetFeature.GuestChecksum));
    }

    [Theory]
    [Trait("Row", "NET-D04")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(17)]
    public void An_answer_is_one_byte_wherever_the_driver_has_room_for_it(int room)
    {
        guest.Control.Submit([[0x77, 0]], [room]);
        UsedBuffer used = Assert.Single(guest.Control.Reap());
        Assert.Equal((1u, Error), (used.Length, used.Written[0]));
        guest.Control.Submit([[0], [0], [1]], [room]);
        Assert.Equal([Ok], Assert.Single(guest.Control.Reap()).Written);
    }

    private string Heard()
    {
        List<string> heard = [];
        foreach ((string name, MacAddress to) in new[]
            { ("own", Own), ("stranger", Stranger), ("group", Group), ("broadcast", MacAddress.Broadcast) })
        {
            if (Hears(Ethernet(to, Peer, 60))) heard.Add(name);
        }

        return string.Join(' ', heard);
    }

    private bool Hears(byte[] frame, NetHeader header = default)
    {
        guest.Refill(8);
        backend.Arrive(frame, header);
        List<ReceivedFrame> received = guest.Receive();
        Assert.All(received, one => Assert.Equal(frame, one.Bytes));
        return received.Count == 1;
    }
}
