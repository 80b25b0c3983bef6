using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

public sealed class VsockHostileTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(43)]
    [Trait("Case", "V01")]
    [Trait("Row", "VSOCK-D01")]
    public async Task A_chain_without_a_whole_header_is_dropped(int bytes)
    {
        await using VsockGuest guest = VsockGuest.Start();
        guest.Tx.Submit([new byte[bytes]]);
        Assert.Equal(0u, Assert.Single(guest.Tx.Reap()).Length);
        Assert.Empty(guest.Receive());
        Assert.Equal(1, guest.Device.Counters.Malformed);
        await AssertHealthyAsync(guest);
    }

    [Theory]
    [InlineData(4096u)]
    [InlineData(101u)]
    [InlineData(0xffff_ffffu)]
    [InlineData(0x8000_0000u)]
    [InlineData(65_537u)]
    [Trait("Case", "V02")]
    [Trait("Case", "V03")]
    public async Task A_length_beyond_the_chain_resets_the_connection(uint length)
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        byte[] header = (guest.Packet(Op.Rw, 1000, 5000) with { Length = length }).Header();
        guest.Submit(header, new byte[100]);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - allocated < 50_000);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(new byte[1], Stop).AsTask());
        // The same for a connection that does not exist.
        guest.Submit(header, new byte[100]);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(8, 1)]
    [InlineData(0xffff, 1)]
    [InlineData(5, 0)]
    [InlineData(5, 3)]
    [InlineData(5, 0xffff)]
    [InlineData(1, 0)]
    [Trait("Case", "V04")]
    public async Task An_unknown_operation_or_type_is_answered_by_a_reset(int operation, int type)
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        guest.Send(guest.Packet((Op)operation, 1, 5000) with { Type = (ushort)type });
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(guest.Packet((Op)operation, 1000, 5000) with { Type = (ushort)type });
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        Assert.Empty(guest.Receive());
    }

    [Theory]
    [InlineData(2ul)]
    [InlineData(0ul)]
    [InlineData(0xffff_fffful)]
    [InlineData(3ul | (1ul << 32))]
    [InlineData(4ul)]
    [Trait("Case", "V05")]
    public async Task A_packet_from_another_machine_is_dropped(ulong source)
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        guest.Send(guest.Packet(Op.Request, 1, 5000) with { SourceCid = source });
        Assert.Empty(guest.Receive());
        Assert.Equal((0, 1L), (guest.Device.Counters.Connections, guest.Device.Counters.Foreign));
        await AssertHealthyAsync(guest);
    }

    [Theory]
    [InlineData(3ul)]
    [InlineData(1ul)]
    [InlineData(7ul)]
    [InlineData(2ul | (1ul << 32))]
    [Trait("Case", "V06")]
    public async Task A_packet_to_another_machine_is_refused(ulong destination)
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        guest.Send(guest.Packet(Op.Request, 1, 5000) with { DestinationCid = destination });
        WirePacket answer = guest.ReceiveOne();
        Assert.Equal((Op.Rst, destination, 3ul), (answer.Op, answer.SourceCid, answer.DestinationCid));
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    [Trait("Case", "V07")]
    [Trait("Case", "V09")]
    public async Task Packets_of_an_unknown_connection_are_answered_by_a_reset_but_a_reset_is_not()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        foreach (Op op in new[] { Op.Rw, Op.Shutdown, Op.CreditUpdate, Op.CreditRequest, Op.Response })
        {
            guest.Send(op, 1, 5000);
            Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        }

        guest.Send(Op.Rst, 1, 5000);
        guest.Send(guest.Packet(Op.Rst, 1, 5000) with { Type = 99 });
        guest.Send(guest.Packet(Op.Rst, 1, 5000) with { DestinationCid = 9 });
        Assert.Empty(guest.Receive());
        Assert.Equal((0, 3L), (guest.Device.Counters.Connections, guest.Device.Counters.Ignored));
    }

    [Fact]
    [Trait("Case", "V08")]
    public async Task A_second_request_for_the_same_ports_makes_no_second_connection()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(Op.Request, 1000, 5000);
        Assert.Empty(guest.Receive());
        Assert.Equal(1, guest.Device.Counters.Connections);
        guest.Send(Op.Rw, 1000, 5000, "still there");
        Assert.Equal(11, await stream.ReadAsync(new byte[20], Stop));
    }

    [Fact]
    [Trait("Case", "V09")]
    public async Task A_response_never_asked_for_changes_nothing_that_is_open_and_ends_what_is_not()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(Op.Response, 1000, 5000);
        Assert.Empty(guest.Receive());
        guest.Send(Op.Rw, 1000, 5000, "still there");
        Assert.Equal(11, await stream.ReadAsync(new byte[20], Stop));
        guest.Device.Backend = new Silence();
        guest.Send(Op.Request, 2, 6000);
        guest.Send(Op.Response, 2, 6000);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
    }

    [Fact]
    [Trait("Case", "V10")]
    public async Task A_hundred_thousand_requests_make_as_many_connections_as_there_may_be()
    {
        await using VsockGuest guest = VsockGuest.Start(buffers: 64, bufferBytes: 64, queueSize: 256);
        using VsockListener listener = guest.Device.Listen(5000, backlog: 2000);
        int responses = 0;
        int resets = 0;
        for (uint port = 0; port < 100_000; port += 50)
        {
            for (uint i = 0; i < 50; i++) guest.Tx.Add([guest.Packet(Op.Request, port + i, 5000).Header()]);
            guest.Tx.Kick();
            guest.Tx.Reap();
            List<WirePacket> answers = guest.Receive();
            responses += answers.Count(packet => packet.Op == Op.Response);
            resets += answers.Count(packet => packet.Op == Op.Rst);
        }

        Assert.Equal((1023, 98_977), (responses, resets));
        Assert.Equal(1023, guest.Device.Counters.Connections);
        IOException error = await Assert.ThrowsAsync<IOException>(() => guest.Device.ConnectAsync(1, cancel: Stop).AsTask());
        Assert.Contains("as many connections", error.Message, StringComparison.Ordinal);
        listener.Dispose();
        foreach (WirePacket packet in guest.Receive()) guest.Send(Op.Rst, packet.DestinationPort, packet.SourcePort);
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    [Trait("Case", "V16")]
    public async Task Shutdown_flags_that_mean_nothing_are_ignored_and_data_after_the_end_resets()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(guest.Packet(Op.Shutdown, 1000, 5000) with { Flags = 0 });
        guest.Send(guest.Packet(Op.Shutdown, 1000, 5000) with { Flags = 0xffff_fffc });
        guest.Send(Op.Rw, 1000, 5000, "x");
        Assert.Empty(guest.Receive());
        Assert.Equal(1, await stream.ReadAsync(new byte[9], Stop));
        guest.Send(guest.Packet(Op.Shutdown, 1000, 5000) with { Flags = 2 });
        guest.Send(Op.Rw, 1000, 5000, "x");
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        guest.Send(Op.Rw, 1000, 5000, "x");
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        await using VsockStream other = await guest.ConnectAsync(listener, 1001);
        guest.Send(guest.Packet(Op.Shutdown, 1001, 5000) with { Flags = 0xffff_ffff });
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
    }

    [Fact]
    [Trait("Case", "V18")]
    [Trait("Row", "VSOCK-01")]
    public async Task Without_receive_buffers_packets_are_taken_until_the_store_of_replies_is_full()
    {
        await using VsockGuest guest = VsockGuest.Start(new() { MaxPendingResets = 20 }, buffers: 0, queueSize: 64);
        int taken = 0;
        for (uint i = 0; i < 64; i++)
        {
            guest.Tx.Submit([guest.Packet(Op.Rw, i, 5000).Header()]);
            taken += guest.Tx.Reap().Count;
        }

        // 20 replies wait, the rest waits in the ring, and nothing else of the guest's memory is held.
        Assert.Equal((20, 44), (taken, guest.Tx.InFlight));
        guest.Post(1);
        Assert.Single(guest.Receive(repost: false));
        Assert.Single(guest.Tx.Reap());
        guest.Post(63);
        List<WirePacket> replies = guest.Receive(repost: false);
        Assert.Equal(Enumerable.Range(1, 63).Select(i => (uint)i), replies.Select(packet => packet.DestinationPort));
        Assert.All(replies, packet => Assert.Equal(Op.Rst, packet.Op));
        Assert.Equal(43, guest.Tx.Reap().Count);
    }

    [Fact]
    [Trait("Case", "V18")]
    public async Task A_device_that_waits_for_room_can_be_reset()
    {
        await using VsockGuest guest = VsockGuest.Start(new() { MaxPendingResets = 1 }, buffers: 0);
        for (uint i = 0; i < 10; i++) guest.Send(Op.Rw, i, 5000);
        guest.Start(buffers: 8);
        Assert.Empty(guest.Receive());
        await AssertHealthyAsync(guest);
    }

    [Fact]
    [Trait("Case", "V21")]
    public async Task Framing_does_not_matter()
    {
        await using VsockGuest guest = VsockGuest.Start(queueSize: 128);
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        byte[] payload = [.. Enumerable.Range(0, 65_536).Select(i => (byte)(i * 7))];
        byte[] header = new WirePacket(Op.Rw, 1000, 5000, payload).Header();
        byte[] buffer = new byte[65_536];

        guest.Submit([.. header.Select(one => new[] { one }), payload]);
        await stream.ReadExactlyAsync(buffer, Stop);
        Assert.Equal(payload, buffer);
        guest.Submit([.. header, .. payload]);
        await stream.ReadExactlyAsync(buffer, Stop);
        Assert.Equal(payload, buffer);
        guest.Submit(header, payload[..32_768], payload[32_768..]);
        await stream.ReadExactlyAsync(buffer, Stop);
        Assert.Equal(payload, buffer);
        Assert.DoesNotContain(guest.Receive(), packet => packet.Op == Op.Rst);
    }

    [Fact]
    [Trait("Case", "V21")]
    public async Task Receive_buffers_may_be_cut_anywhere_and_short_ones_come_back_empty()
    {
        await using VsockGuest guest = VsockGuest.Start(buffers: 0, queueSize: 128);
        DriverQueue rx = guest.Driver.Queues[0];
        using VsockListener listener = guest.Device.Listen(5000);
        rx.Submit([], Enumerable.Repeat(1, 44));
        guest.Send(Op.Request, 1000, 5000);
        Assert.Equal(Op.Response, WirePacket.Parse(Assert.Single(rx.Reap()).Written).Op);
        await using VsockStream stream = await listener.AcceptAsync(Stop);
        Task write = stream.WriteAsync("hello"u8.ToArray(), Stop).AsTask();
        rx.Submit([], [43]);
        rx.Submit([], [44]);
        Assert.All(rx.Reap(), used => Assert.Equal(0u, used.Length));
        Assert.False(write.IsCompleted);
        rx.Submit([], [40, 1, 3, 2, 2]);
        rx.Submit([], [45]);
        List<UsedBuffer> used = rx.Reap();
        Assert.Equal(["hell", "o"], used.Select(one => WirePacket.Parse(one.Written).Text));
        await write;
        Assert.Equal(2, guest.Device.Counters.ShortBuffers);
    }

    [Fact]
    [Trait("Case", "V23")]
    public async Task Sequenced_packets_that_were_not_negotiated_are_refused_and_flags_on_streams_mean_nothing()
    {
        await using VsockGuest guest = VsockGuest.Start(new() { SeqPacket = false });
        using VsockListener listener = guest.Device.Listen(5000);
        guest.Send(guest.Packet(Op.Request, 1, 5000) with { Type = 2 });
        WirePacket answer = guest.ReceiveOne();
        Assert.Equal((Op.Rst, (ushort)2), (answer.Op, answer.Type));
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(guest.Packet(Op.Rw, 1000, 5000, "ab") with { Flags = 3 });
        guest.Send(guest.Packet(Op.Rw, 1000, 5000, "cd") with { Flags = 3 });
        VsockReceived received = await stream.ReceiveAsync(new byte[9], Stop);
        Assert.Equal(new VsockReceived(4, false, false), received);
        await Assert.ThrowsAsync<IOException>(
            () => guest.Device.ConnectAsync(1, VsockSocketType.SeqPacket, Stop).AsTask());
    }

    [Fact]
    [Trait("Case", "V24")]
    public async Task A_million_credit_requests_cost_one_reply_at_a_time()
    {
        await using VsockGuest guest = VsockGuest.Start(buffers: 0, queueSize: 256);
        using VsockListener listener = guest.Device.Listen(5000);
        guest.Post(1);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        byte[] header = guest.Packet(Op.CreditRequest, 1000, 5000).Header();
        ulong address = guest.Driver.Allocate(header.Length);
        guest.Driver.Memory.TryWrite(address, header);
        for (int i = 0; i < 1_000_000; i += 250)
        {
            for (int j = 0; j < 250; j++) guest.Tx.Add([new DriverSegment(address, 44, IsWritable: false)]);
            guest.Tx.Kick();
            guest.Tx.Reap();
        }

        // One for the buffer that was there, and one for all that came after.
        guest.Post(100);
        Assert.Equal([Op.CreditUpdate, Op.CreditUpdate], guest.Receive(repost: false).Select(packet => packet.Op));
    }

    private static async Task AssertHealthyAsync(VsockGuest guest)
    {
        using VsockListener listener = guest.Device.Listen(1234);
        await using VsockStream stream = await guest.ConnectAsync(listener, 4321);
        guest.Send(Op.Rw, 4321, 1234, "healthy");
        Assert.Equal(7, await stream.ReadAsync(new byte[10], Stop));
    }

    private sealed class Silence : IVsockBackend
    {
        public void Connect(VsockRequest request)
        {
        }
    }
}
