using Squib.Virtio.Devices.Net;
using Squib.Virtio.Tests.Queues;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>Several guests at one switch.</summary>
public sealed class NetSwitchTests
{
    private readonly NetSwitch hub = new();

    [Fact]
    public void A_frame_for_an_address_that_nobody_has_used_goes_to_all_but_its_sender()
    {
        NetGuest[] guests = Connect(3);
        Listen(guests);
        byte[] frame = Ethernet(Mac(9), Mac(10), 200);
        guests[0].Send(frame);
        Assert.Empty(guests[0].Receive());
        Assert.Equal(frame, guests[1].ReceiveOne().Bytes);
        Assert.Equal(frame, guests[2].ReceiveOne().Bytes);
        Assert.Equal(1, hub.Ports[0].Flooded);
    }

    [Fact]
    public void A_frame_for_an_address_that_has_been_seen_goes_to_its_port_only()
    {
        NetGuest[] guests = Connect(3);
        Listen(guests);
        guests[2].Send(Ethernet(MacAddress.Broadcast, Mac(12), 60));
        guests[0].Receive();
        guests[1].Receive();
        byte[] frame = Ethernet(Mac(12), Mac(10), 1514);
        guests[0].Send(frame);
        Assert.Empty(guests[1].Receive());
        Assert.Equal(frame, guests[2].ReceiveOne().Bytes);
        Assert.Equal(0, hub.Ports[0].Flooded);
    }

    [Theory]
    [InlineData("ff:ff:ff:ff:ff:ff", true)]
    [InlineData("01:00:5e:00:00:fb", true)]
    [InlineData("00:00:00:00:00:00", true)]
    [InlineData("01:80:c2:00:00:10", true)]
    [InlineData("01:80:c2:00:00:00", false)]
    [InlineData("01:80:c2:00:00:0e", false)]
    public void Frames_for_groups_go_to_all_but_those_that_end_at_the_next_neighbour(string address, bool passes)
    {
        NetGuest[] guests = Connect(3);
        Listen(guests);
        Assert.True(MacAddress.TryParse(address, out MacAddress to));
        guests[1].Send(Ethernet(to, Mac(11), 60));
        Assert.Equal(passes ? 1 : 0, guests[0].Receive().Count);
        Assert.Equal(passes ? 1 : 0, guests[2].Receive().Count);
    }

    [Fact]
    public void A_frame_for_an_address_behind_its_own_port_goes_nowhere()
    {
        NetGuest[] guests = Connect(2);
        Listen(guests);
        guests[0].Send(Ethernet(MacAddress.Broadcast, Mac(20), 60));
        Assert.Single(guests[1].Receive());
        guests[0].Send(Ethernet(Mac(20), Mac(10), 60));
        Assert.Empty(guests[1].Receive());
    }

    [Fact]
    public void An_address_that_turns_up_elsewhere_is_followed()
    {
        NetGuest[] guests = Connect(3);
        Listen(guests);
        guests[1].Send(Ethernet(MacAddress.Broadcast, Mac(20), 60));
        guests[2].Send(Ethernet(MacAddress.Broadcast, Mac(20), 60));
        Array.ForEach(guests, guest => guest.Receive());
        guests[0].Send(Ethernet(Mac(20), Mac(10), 60));
        Assert.Empty(guests[1].Receive());
        Assert.Single(guests[2].Receive());
    }

    [Fact]
    public void The_address_of_a_group_or_of_nobody_is_never_learned_as_a_source()
    {
        NetGuest[] guests = Connect(3);
        Listen(guests);
        guests[1].Send(Ethernet(Mac(10), Group, 60));
        guests[1].Send(Ethernet(Mac(10), default, 60));
        Array.ForEach(guests, guest => guest.Receive());
        guests[0].Send(Ethernet(Group, Mac(10), 60));
        guests[0].Send(Ethernet(default, Mac(10), 60));
        Assert.Equal(2, guests[2].Receive().Count);
    }

    [Fact]
    public void A_guest_that_invents_addresses_makes_the_switch_forget_none_but_its_own()
    {
        NetGuest[] guests = Connect(3);
        Listen(guests);
        guests[2].Send(Ethernet(MacAddress.Broadcast, Mac(12), 60));
        for (int i = 0; i < 20 * NetSwitchPort.MaxAddresses; i++) guests[1].Send(Ethernet(Mac(12), Mac(1000 + i), 60));
        Array.ForEach(guests, guest => guest.Receive());
        guests[0].Send(Ethernet(Mac(12), Mac(10), 60));
        Assert.Empty(guests[1].Receive());
        // An address that was displaced is one that nobody has seen.
        long flooded = hub.Ports[0].Flooded;
        for (int i = 0; i < NetSwitchPort.MaxAddresses + 1; i++) guests[0].Send(Ethernet(Mac(1000 + i), Mac(10), 60));
        Assert.True(hub.Ports[0].Flooded > flooded);
    }

    [Fact]
    public void A_frame_waits_at_its_port_until_the_guest_lends_a_buffer()
    {
        NetGuest[] guests = Connect(2, buffers: 0);
        byte[][] frames = [.. Enumerable.Range(0, 20).Select(i => Ethernet(Mac(11), Mac(10), 1514, seed: i))];
        foreach (byte[] frame in frames) guests[0].Send(frame);
        Assert.Empty(guests[1].Receive());
        guests[1].Lend(20);
        Assert.Equal(frames, guests[1].Receive().Select(frame => frame.Bytes));
        Assert.Equal(0, hub.Ports[1].Dropped);
    }

    [Fact]
    public void A_guest_that_takes_nothing_loses_its_own_frames_and_holds_up_nobody()
    {
        NetGuest[] guests = Connect(3, buffers: 0);
        guests[2].Lend(200);
        int received = 0;
        for (int i = 0; i < 2000; i++)
        {
            guests[0].Send(Ethernet(MacAddress.Broadcast, Mac(10), 1514));
            if (i % 100 != 99) continue;
            received += guests[2].Receive().Count;
            guests[2].Refill(200);
        }

        Assert.Equal(2000, received);
        Assert.Equal((0, 0), (hub.Ports[0].Dropped, hub.Ports[2].Dropped));
        // What the buffer could hold is there for it when it comes back; the rest is counted.
        int kept = 0;
        for (int turn = 0; turn < 20; turn++)
        {
            guests[1].Refill(100);
            kept += guests[1].Receive().Count;
        }

        Assert.InRange(kept, 600, (NetSwitchPort.DefaultCapacity / 1514) + 1);
        Assert.Equal(2000 - kept, hub.Ports[1].Dropped);
    }

    [Fact]
    public void A_sender_with_more_in_its_ring_than_a_buffer_holds_loses_nothing_if_the_receiver_has_room()
    {
        NetGuest[] guests = Connect(2, buffers: 0);
        guests[1].Lend(40, 60_100);
        // 2.4 MB, and the buffer of a port has 1 MiB.
        for (int i = 0; i < 40; i++) guests[0].Tx().Add([new byte[NetHeader.Size], Ethernet(Mac(11), Mac(10), 60_000)]);
        guests[0].Tx().Kick();
        Assert.Equal(40, guests[0].Tx().Reap().Count);
        Assert.Equal(40, guests[1].Receive().Count);
        Assert.Equal(0, hub.Ports[1].Dropped);
    }

    [Fact]
    public void A_checksum_stays_unfinished_only_on_the_way_to_a_guest_that_takes_it_so()
    {
        NetGuest sender = Connect(1)[0];
        NetGuest taker = Add(11, buffers: 4);
        NetGuest refuser = Add(12, buffers: 4, without: NetFeature.GuestChecksum);
        byte[] complete = Udp4(MacAddress.Broadcast, Mac(10), 1, 2, 333);
        (byte[] frame, NetHeader header) = Unfinished(complete);
        sender.Send(frame, header);
        ReceivedFrame taken = taker.ReceiveOne();
        Assert.Equal(header with { Buffers = 1 }, taken.Header);
        Assert.Equal(frame, taken.Bytes);
        ReceivedFrame finished = refuser.ReceiveOne();
        Assert.Equal(new(0, 0, Buffers: 1), finished.Header);
        Assert.Equal(complete, finished.Bytes);
    }

    [Fact]
    public void Nothing_is_offered_that_another_guest_might_be_unable_to_take()
    {
        NetGuest guest = Connect(1)[0];
        Assert.NotEqual(0u, guest.Device.Features & NetFeature.Checksum);
        Assert.Equal(0u, guest.Device.Features & (NetFeature.HostTso4 | NetFeature.HostTso6 | NetFeature.HostUfo | NetFeature.GuestTso4));
    }

    [Fact]
    public void While_the_cable_of_a_port_is_out_its_guest_has_no_link_and_nothing_passes()
    {
        NetGuest[] guests = Connect(3);
        guests[1].Send(Ethernet(MacAddress.Broadcast, Mac(11), 60));
        Array.ForEach(guests, guest => guest.Receive());
        hub.Ports[1].SetLink(false);
        Assert.Equal(0, guests[1].Status & 1);
        guests[1].Send(Ethernet(MacAddress.Broadcast, Mac(11), 60));
        guests[0].Send(Ethernet(Mac(11), Mac(10), 60));
        Assert.Equal(1, hub.Ports[0].Flooded);
        Assert.Equal(1, guests[1].Device.Counters.SendsWithoutLink);
        hub.Ports[1].SetLink(true);
        Assert.Equal(1, guests[1].Status & 1);
        Assert.Empty(guests[1].Receive());
        guests[0].Send(Ethernet(Mac(11), Mac(10), 61));
        Assert.Equal(61, guests[1].ReceiveOne().Bytes.Length);
    }

    [Fact]
    public async Task A_port_can_go_while_others_send_to_it()
    {
        NetGuest[] guests = Connect(3);
        Listen(guests);
        NetSwitchPort port = hub.Ports[2];
        using CancellationTokenSource end = new();
        // The first guest sends all the time, to all and to the one whose port goes.
        Task sending = Vcpu.Repeat(
            () =>
            {
                guests[0].Send(Ethernet(MacAddress.Broadcast, Mac(10), 60));
                guests[0].Send(Ethernet(Mac(12), Mac(10), 60));
            },
            end.Token);
        await port.DisposeAsync();
        await port.DisposeAsync();
        Assert.Equal(2, hub.Ports.Count);
        Assert.Equal(0, guests[2].Status & 1);
        port.SetLink(true);
        Assert.Equal(0, guests[2].Status & 1);
        await end.CancelAsync();
        await sending.Soon();
        guests[1].Rx().Reap();
        guests[1].Lend(1);
        guests[2].Send(Ethernet(MacAddress.Broadcast, Mac(12), 60));
        Assert.Equal(1, guests[2].Device.Counters.SendsWithoutLink);
        NetGuest next = Add(13, buffers: 1);
        next.Send(Ethernet(MacAddress.Broadcast, Mac(13), 60));
        guests[0].Receive();
        guests[0].Send(Ethernet(Mac(13), Mac(10), 62));
        Assert.Equal(62, next.ReceiveOne().Bytes.Length);
    }

    [Fact]
    public async Task Guests_that_all_send_at_once_get_all_that_is_theirs_in_order()
    {
        const int Each = 3000;
        const int Window = 100;
        NetGuest[] guests = Connect(3, buffers: 200);
        int[] received = new int[3];
        // Each sends to its right neighbour, and no further ahead than the neighbour's buffers allow.
        Task[] vcpus = [.. Enumerable.Range(0, 3).Select(i => Vcpu.Start(() =>
        {
            int next = (i + 1) % 3;
            int previous = (i + 2) % 3;
            for (int sent = 0, got = 0; sent < Each || got < Each;)
            {
                if (sent < Each && sent - Volatile.Read(ref received[next]) < Window)
                    guests[i].Send(Ethernet(Mac(10 + next), Mac(10 + i), 60 + (sent++ % 1400)));
                foreach (ReceivedFrame frame in guests[i].Receive())
                {
                    if (MacAddress.Read(frame.Bytes.AsSpan(6)) != Mac(10 + previous)) continue;
                    Assert.Equal(60 + (got++ % 1400), frame.Bytes.Length);
                }

                guests[i].Refill(200);
                Volatile.Write(ref received[i], got);
            }
        }))];
        await Task.WhenAll(vcpus).Soon();
        Assert.Equal([Each, Each, Each], received);
    }

    [Fact]
    public void A_frame_allocates_nothing_however_many_get_it()
    {
        NetGuest[] guests = Connect(3, buffers: 0);
        long least = long.MaxValue;
        for (int round = 0; round < 40; round++)
        {
            guests[1].Refill(65);
            guests[2].Refill(65);
            for (int i = 0; i < 64; i++)
            {
                MacAddress to = i % 2 == 0 ? MacAddress.Broadcast : Mac(11);
                guests[0].Tx().Add([[.. new byte[NetHeader.Size], .. Ethernet(to, Mac(10), 1514)]]);
            }

            guests[0].Tx().Publish();
            long before = GC.GetAllocatedBytesForCurrentThread();
            guests[0].Tx().Notify();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            guests[0].Tx().Reap();
            Assert.InRange(guests[1].Receive().Count, 32, 64);
            guests[1].Send(Ethernet(Mac(10), Mac(11), 60));
            guests[2].Receive();
        }

        Assert.Equal(0, least);
    }

    [Fact]
    public void The_host_is_told_its_limits()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => hub.AddPort(100 << 10));
        for (int i = 0; i < NetSwitch.MaxPorts; i++) hub.AddPort();
        Assert.Throws<InvalidOperationException>(() => hub.AddPort());
    }

    /// <summary>Lets guests hear everything, so that it is the switch that keeps frames away.</summary>
    private static void Listen(NetGuest[] guests) =>
        Array.ForEach(guests, guest => Assert.Equal(NetGuest.Ok, guest.Command(0, 0, 1)));

    private NetGuest[] Connect(int count, NetOptions? options = null, int buffers = 16) =>
        [.. Enumerable.Range(0, count).Select(i => Add(10 + i, options, buffers))];

    private NetGuest Add(int number, NetOptions? options = null, int buffers = 16, ulong without = 0) =>
        new(hub.AddPort(), (options ?? new()) with { Mac = Mac(number) }, without, buffers: buffers);
}
