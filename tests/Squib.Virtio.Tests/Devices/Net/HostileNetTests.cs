using System.Buffers.Binary;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;
using static Squib.Virtio.Tests.Devices.Net.NetGuest;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>A network card's driver as an attacker writes it; every test ends with a card that works.</summary>
public sealed class HostileNetTests
{
    private readonly SpyNetBackend backend = new(NetOffloads.All);

    [Theory]
    [Trait("Case", "N01"), Trait("Case", "N02")]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(25)]
    public void N01_N02_What_is_too_short_for_header_and_addresses_is_dropped(int length)
    {
        NetGuest guest = new(backend);
        guest.SendPieces([new byte[length]]);
        if (length > 1) guest.SendPieces([new byte[1], new byte[length - 1]]);
        AssertDropped(guest, length > 1 ? 2 : 1);
    }

    [Theory]
    [Trait("Case", "N03")]
    [InlineData(1, NetHeader.Size + NetFrame.MaxLength + 1)]
    [InlineData(1, 15 << 20)]
    [InlineData(200, 15 << 20)]
    public void N03_What_is_too_long_for_a_frame_is_dropped_without_a_copy(int pieces, int length)
    {
        NetGuest guest = new(backend);
        DriverSegment[] chain = [.. Enumerable.Repeat(new DriverSegment(0x8000_0000, (uint)length, false), pieces)];
        long least = long.MaxValue;
        for (int i = 0; i < 10; i++)
        {
            guest.Tx().Add(chain, indirect: pieces > 100);
            guest.Tx().Publish();
            long before = GC.GetAllocatedBytesForCurrentThread();
            guest.Tx().Notify();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(0u, Assert.Single(guest.Tx().Reap()).Length);
        }

        Assert.InRange(least, 0, 4096);
        AssertDropped(guest, 10);
    }

    [Fact]
    [Trait("Case", "N03")]
    public void N03_A_chain_of_nearly_4_GiB_is_dropped()
    {
        NetGuest guest = new(backend);
        // 255 times 16 MiB and 16 MiB - 1, all in the same place.
        DriverSegment[] chain = [.. Enumerable.Repeat(new DriverSegment(0x8000_0000, 16 << 20, false), 256)];
        chain[^1] = chain[^1] with { Length = (16 << 20) - 1 };
        guest.Tx().Add(chain, indirect: true);
        guest.Tx().Kick();
        Assert.Equal(0u, Assert.Single(guest.Tx().Reap()).Length);
        AssertDropped(guest, 1);
    }

    [Fact]
    [Trait("Case", "N04")]
    public void N04_A_frame_to_send_with_something_to_write_is_dropped()
    {
        NetGuest guest = new(backend);
        guest.Tx().Submit([], [1600]);
        Assert.Equal(0u, Assert.Single(guest.Tx().Reap()).Length);
        guest.Tx().Submit([new byte[NetHeader.Size], Ethernet(Peer, Own, 60)], [1]);
        Assert.Equal(0u, Assert.Single(guest.Tx().Reap()).Length);
        // First: what is readable behind it makes the chain itself a bad one, which the queue drops.
        ulong at = guest.Driver.Allocate(256);
        guest.Tx().Add([new DriverSegment(at, 12, true), new DriverSegment(at + 12, 60, false)]);
        guest.Tx().Kick();
        Assert.Equal(0u, Assert.Single(guest.Tx().Reap()).Length);
        AssertDropped(guest, 2);
    }

    [Theory]
    [Trait("Case", "N05")]
    [InlineData(true)]
    [InlineData(false)]
    public void N05_A_receive_buffer_that_can_be_read_goes_back_empty_and_the_frame_waits_for_a_good_one(bool merges)
    {
        NetGuest guest = new(backend, without: merges ? 0 : NetFeature.MergeBuffers, buffers: 0);
        byte[] frame = Ethernet(Own, Peer, 1514);
        backend.Arrive(frame);
        guest.Rx().Submit([new byte[2000]]);
        guest.Rx().Submit([new byte[12]], [2000]);
        List<UsedBuffer> used = guest.Rx().Reap();
        Assert.Equal([0u, 0u], used.Select(buffer => buffer.Length));
        Assert.Equal(2, guest.Device.Counters.BadBuffers);
        guest.Lend(1);
        Assert.Equal(frame, guest.ReceiveOne().Bytes);
        guest.AssertHealthy(backend);
    }

    [Theory]
    [Trait("Case", "N06")]
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(100)]
    [InlineData(1525)]
    public void N06_Without_MRG_RXBUF_a_frame_that_does_not_fit_is_lost_whole_and_the_next_one_is_not(int bytes)
    {
        NetGuest guest = new(backend, without: NetFeature.MergeBuffers, buffers: 0);
        ulong at = guest.Driver.Allocate(2048);
        guest.Driver.Memory.TryWrite(at, Enumerable.Repeat((byte)0xcc, 2048).ToArray());
        guest.Rx().Add([new DriverSegment(at, (uint)bytes, true)]);
        guest.Rx().Kick();
        backend.Arrive(Ethernet(Own, Peer, 1514));
        Assert.Equal(0u, Assert.Single(guest.Rx().Reap()).Length);
        byte[] after = new byte[2048];
        guest.Driver.Memory.TryRead(at, after);
        Assert.All(after, value => Assert.Equal(0xcc, value));
        Assert.Equal(1, guest.Device.Counters.NoBufferFits);
        byte[] next = Ethernet(Own, Peer, 1514, seed: 3);
        backend.Arrive(next);
        guest.Lend(1);
        Assert.Equal(next, guest.ReceiveOne().Bytes);
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N07")]
    public void N07_When_all_buffers_of_the_ring_together_are_too_small_they_go_back_and_the_frame_is_lost()
    {
        NetGuest guest = new(backend, buffers: 0);
        backend.Arrive(Ethernet(Own, Peer, 9000));
        guest.Lend(256, 13);
        List<UsedBuffer> used = guest.Rx().Reap();
        Assert.Equal(256, used.Count);
        Assert.All(used, buffer => Assert.Equal(0u, buffer.Length));
        Assert.Equal((1, 0), (guest.Device.Counters.NoBufferFits, guest.Device.Counters.FramesReceived));
        // And 256 buffers of which the last one is just large enough.
        backend.Arrive(Ethernet(Own, Peer, 9000));
        guest.Lend(255, 13);
        guest.Lend(1, 9012 - (255 * 13));
        ReceivedFrame received = guest.ReceiveOne();
        Assert.Equal((256, 9000), (received.Header.Buffers, received.Bytes.Length));
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N08")]
    public void N08_The_number_of_buffers_is_right_wherever_the_header_is_cut()
    {
        NetGuest guest = new(backend, buffers: 0);
        byte[] frame = Ethernet(Own, Peer, 600);
        backend.Arrive(frame);
        guest.Rx().Submit([], [5, 5, 1, 1, 100]);
        guest.Rx().Submit([], [11, 1, 600]);
        ReceivedFrame received = guest.ReceiveOne();
        Assert.Equal((2, 112), (received.Header.Buffers, received.Lengths[0]));
        Assert.Equal(frame, received.Bytes);
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N08")]
    public void N08_Buffers_that_lie_on_each_other_hurt_their_driver_alone()
    {
        WatchedMemory watched = new(16 << 20);
        NetGuest guest = new(backend, memory: new(new GuestRegion(0x8000_0000, watched.Memory)), buffers: 0);
        ulong at = guest.Driver.Allocate(4096);
        for (int i = 0; i < 4; i++) guest.Rx().Add([new DriverSegment(at, 300, true), new DriverSegment(at + 4, 8, true)]);
        guest.Rx().Kick();
        backend.Arrive(Ethernet(Own, Peer, 1000));
        List<UsedBuffer> used = guest.Rx().Reap();
        Assert.Equal(1012, used.Sum(buffer => buffer.Length));
        Assert.True(watched.GuardsAreIntact);
        guest.AssertHealthy(backend);
    }

    public static TheoryData<NetHeader> BadHeaders =>
    [
        new NetHeader(NetHeader.NeedsChecksum, 0x7f, GsoSize: 100, ChecksumStart: 34, ChecksumOffset: 16),
        new NetHeader(NetHeader.NeedsChecksum, 2, GsoSize: 100, ChecksumStart: 34, ChecksumOffset: 16),
        new NetHeader(NetHeader.NeedsChecksum, NetHeader.GsoEcn | 0x20, GsoSize: 100, ChecksumStart: 34, ChecksumOffset: 16),
        new NetHeader(NetHeader.NeedsChecksum, NetHeader.GsoTcp4, GsoSize: 0, ChecksumStart: 34, ChecksumOffset: 16),
        new NetHeader(0, NetHeader.GsoTcp4, GsoSize: 100, ChecksumStart: 34, ChecksumOffset: 16),
        new NetHeader(NetHeader.NeedsChecksum, NetHeader.GsoTcp4, 0xffff, GsoSize: 100, ChecksumStart: 0xffff, ChecksumOffset: 0xffff),
        new NetHeader(NetHeader.NeedsChecksum, NetHeader.GsoTcp4, GsoSize: 100, ChecksumStart: 985, ChecksumOffset: 6),
        new NetHeader(NetHeader.NeedsChecksum, NetHeader.GsoUdp, GsoSize: 100, ChecksumStart: 998, ChecksumOffset: 0),
        new NetHeader(NetHeader.NeedsChecksum, 0, ChecksumStart: 0xffff, ChecksumOffset: 0xffff),
        new NetHeader(NetHeader.NeedsChecksum, 0, ChecksumStart: 0xffff),
        new NetHeader(NetHeader.NeedsChecksum, 0, ChecksumStart: 0, ChecksumOffset: 0xffff),
        new NetHeader(NetHeader.NeedsChecksum, 0, ChecksumStart: 34, ChecksumOffset: 967),
    ];

    [Theory, MemberData(nameof(BadHeaders))]
    [Trait("Case", "N09")]
    public void N09_A_header_that_makes_no_sense_is_dropped(NetHeader header)
    {
        // 1002 bytes: offset 967 from 34 is the last byte but one too far.
        byte[] frame = new byte[1002];
        foreach (NetOffloads able in new[] { NetOffloads.All, NetOffloads.None })
        {
            SpyNetBackend other = new(able);
            NetGuest guest = new(other);
            guest.Send(frame, header);
            Assert.Empty(other.Sent);
            Assert.Equal(1, guest.Device.Counters.MalformedSends);
            guest.AssertHealthy(other);
        }
    }

    [Fact]
    [Trait("Case", "N09")]
    public void N09_The_last_two_bytes_of_a_frame_may_be_a_checksum()
    {
        SpyNetBackend unable = new();
        NetGuest guest = new(unable);
        guest.Send(new byte[1002], new(NetHeader.NeedsChecksum, 0, ChecksumStart: 34, ChecksumOffset: 966));
        guest.Send(new byte[1002], new(NetHeader.NeedsChecksum, 0, ChecksumStart: 1000, ChecksumOffset: 0));
        Assert.Equal(2, unable.Sent.Count);
        Assert.All(unable.Sent, sent => Assert.Equal([0xff, 0xff], sent.Bytes[1000..]));
    }

    [Theory]
    [Trait("Case", "N12"), Trait("Row", "NET-D04")]
    [InlineData(new byte[] { 6, 0 })]
    [InlineData(new byte[] { 0xff, 0xff })]
    [InlineData(new byte[] { 0 })]
    [InlineData(new byte[] { 1 })]
    [InlineData(new byte[] { 1, 2, 0 })]
    [InlineData(new byte[] { 3, 0xff })]
    [InlineData(new byte[] { 4, 3, 1, 0 })]
    public void N12_An_unknown_or_short_command_is_answered_with_an_error(byte[] command)
    {
        NetGuest guest = new(backend);
        guest.Control.Submit([command], [1]);
        Assert.Equal([Error], Assert.Single(guest.Control.Reap()).Written);
        guest.Control.Submit([], [1]);
        Assert.Equal([Error], Assert.Single(guest.Control.Reap()).Written);
        Assert.Equal(2, guest.Device.Counters.FailedCommands);
        Assert.Equal(Ok, guest.Command(0, 0, 0));
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N12")]
    public void N12_A_command_without_room_for_its_answer_is_not_carried_out()
    {
        NetGuest guest = new(backend);
        guest.Control.Submit([[0, 0], [1]]);
        Assert.Equal(0u, Assert.Single(guest.Control.Reap()).Length);
        guest.Control.Submit([[1, 1], [2, 0, 0, 0, 0, 9], [0]]);
        Assert.Equal(0u, Assert.Single(guest.Control.Reap()).Length);
        Assert.Equal(Own, guest.Device.Mac);
        backend.Arrive(Ethernet(Stranger, Peer, 60));
        Assert.Empty(guest.Receive());
        // An answer of length 0 beside a command.
        ulong at = guest.Driver.Allocate(16);
        guest.Control.Add([new DriverSegment(at, 3, false), new DriverSegment(at + 8, 0, true)]);
        guest.Control.Kick();
        Assert.Equal(0u, Assert.Single(guest.Control.Reap()).Length);
        Assert.Equal(Ok, guest.Command(0, 0, 0));
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N12")]
    public void N12_Without_CTRL_VQ_nobody_serves_the_control_queue()
    {
        NetGuest guest = new(
            backend,
            without: NetFeature.ControlQueue | NetFeature.ControlReceive | NetFeature.ControlVlan | NetFeature.GuestAnnounce
                | NetFeature.ControlMacAddress);
        guest.Control.Submit([[0, 0], [1]], [1]);
        Assert.Empty(guest.Control.Reap());
        Assert.Equal(0, guest.Device.Counters.Commands);
        guest.AssertHealthy(backend);
    }

    [Theory]
    [Trait("Case", "N13")]
    [InlineData(0xffff_ffffu)]
    [InlineData(0x2aaa_aaabu)]
    [InlineData(0x8000_0000u)]
    [InlineData((uint)NetOptions.MaxFilterAddresses + 1)]
    [InlineData(3u)]
    public void N13_A_number_of_addresses_that_cannot_be_changes_nothing(uint count)
    {
        NetGuest guest = new(backend);
        Assert.Equal(Ok, guest.SetTable([Stranger], []));
        byte[] data = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(data, count);
        Assert.Equal(Error, guest.Command(1, 0, data));
        // As the second table, too.
        Assert.Equal(Error, guest.Command(1, 0, [.. Table([Peer]), .. data]));
        backend.Arrive(Ethernet(Stranger, Peer, 60));
        Assert.Single(guest.Receive());
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N13")]
    public void N13_Two_tables_that_are_too_large_together_change_nothing()
    {
        NetGuest guest = new(backend);
        Assert.Equal(Ok, guest.SetTable([Stranger], []));
        MacAddress[] half = [.. Enumerable.Range(1000, (NetOptions.MaxFilterAddresses / 2) + 1).Select(Mac)];
        Assert.Equal(Error, guest.SetTable(half, half));
        backend.Arrive(Ethernet(half[0], Peer, 60));
        Assert.Empty(guest.Receive());
        backend.Arrive(Ethernet(Stranger, Peer, 60));
        Assert.Single(guest.Receive());
        guest.AssertHealthy(backend);
    }

    [Theory]
    [Trait("Case", "N14"), Trait("Row", "NET-D09")]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(0xffff)]
    public void N14_A_number_of_pairs_that_cannot_be_is_refused(int pairs)
    {
        NetGuest guest = new(backend, new() { QueuePairs = 2 });
        Assert.Equal(Ok, guest.UsePairs(2));
        Assert.Equal(Error, guest.UsePairs(pairs));
        Assert.Equal(Error, guest.Command(4, 0, 1));
        Assert.Equal(2, guest.Device.PairsInUse);
        Assert.Equal(Ok, guest.UsePairs(1));
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N14")]
    public void N14_Without_MQ_pairs_cannot_be_switched()
    {
        NetGuest guest = new(backend);
        Assert.Equal(Error, guest.UsePairs(1));
        guest.AssertHealthy(backend);
    }

    [Theory]
    [Trait("Case", "N16")]
    [InlineData(0, 0x10)]
    [InlineData(0xff, 0xff)]
    public void N16_A_VLAN_that_cannot_be_is_refused(byte low, byte high)
    {
        NetGuest guest = new(backend);
        Assert.Equal(Error, guest.Command(2, 0, low, high));
        Assert.Equal(Error, guest.Command(2, 1, low, high));
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N17")]
    public void N17_A_million_frames_for_a_guest_without_buffers_are_bounded_and_it_goes_on_when_it_lends_some()
    {
        NetSwitch hub = new();
        NetGuest guest = new(hub.AddPort(), buffers: 0);
        NetSwitchPort host = hub.AddPort();
        host.Attach(new TestPort());
        byte[] frame = Ethernet(Own, Peer, 1514);
        long before = GC.GetTotalAllocatedBytes();
        for (int i = 0; i < 1_000_000; i++)
        {
            host.Send(0, new(default, frame));
            if (i % 64 == 63) host.EndSend(0);
        }

        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 64 << 20);
        long kept = 1_000_000 - hub.Ports[0].Dropped;
        Assert.InRange(kept, 600, NetSwitchPort.DefaultCapacity / 1514);
        long received = 0;
        for (int i = 0; i < 20; i++)
        {
            guest.Refill(128);
            received += guest.Receive().Count;
        }

        Assert.Equal(kept, received);
    }

    [Fact]
    [Trait("Case", "N20")]
    public void N20_A_frame_that_comes_before_the_driver_is_ready_is_dropped_and_counted()
    {
        NetGuest guest = new(backend, start: false);
        backend.Arrive(Ethernet(Own, Peer, 60));
        guest.Driver.Probe();
        for (int i = 0; i < 3; i++) guest.Driver.SetUpQueue(i);
        guest.Rx().Add([], [BufferBytes]);
        guest.Rx().Publish();
        backend.Arrive(Ethernet(Own, Peer, 60));
        guest.Rx().Notify();
        Assert.Equal(2, backend.Waiting());
        guest.Driver.SetDriverOk();
        Assert.Empty(guest.Receive());
        Assert.Equal((0, 2), (backend.Waiting(), guest.Device.Counters.ReceivesWithoutDriver));
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N20")]
    public void N20_A_frame_that_comes_after_a_reset_is_dropped_and_touches_no_buffer()
    {
        NetGuest guest = new(backend, buffers: 0);
        ulong at = guest.Driver.Allocate(4096, 4096);
        for (int i = 0; i < 2; i++) guest.Rx().Add([new DriverSegment(at + (ulong)(2048 * i), 2048, true)]);
        guest.Rx().Kick();
        guest.Driver.Reset();
        for (int i = 0; i < 10; i++) backend.Arrive(Ethernet(Own, Peer, 1000));
        byte[] after = new byte[4096];
        guest.Driver.Memory.TryRead(at, after);
        Assert.All(after, value => Assert.Equal(0, value));
        guest.Start();
        Assert.Equal(10, guest.Device.Counters.ReceivesWithoutDriver);
        guest.AssertHealthy(backend);
    }

    [Fact]
    [Trait("Case", "N20")]
    public void N20_A_frame_for_a_queue_that_was_disabled_is_dropped_and_counted()
    {
        NetGuest guest = new(backend);
        guest.Driver.WriteRegister(MmioRegister.QueueSel, 0);
        guest.Driver.WriteRegister(MmioRegister.QueueReady, 0);
        backend.Arrive(Ethernet(Own, Peer, 60));
        Assert.Equal((0, 1), (backend.Waiting(), guest.Device.Counters.ReceivesWithoutDriver));
        guest.Driver.SetUpQueue(0);
        guest.AssertHealthy(backend);
    }

    private void AssertDropped(NetGuest guest, int count)
    {
        Assert.Empty(backend.Sent);
        Assert.Equal((count, 0), (guest.Device.Counters.MalformedSends, guest.Device.Counters.FramesSent));
        guest.AssertHealthy(backend);
    }
}
