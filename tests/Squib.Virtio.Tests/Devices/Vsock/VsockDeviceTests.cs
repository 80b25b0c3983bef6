using System.Net.Sockets;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

public sealed class VsockDeviceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<bool, bool, bool> Formats => new()
    {
        { false, false, false }, { false, true, false }, { false, true, true }, { true, false, false }, { true, true, true },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Bytes_go_both_ways_over_every_ring_format(bool packed, bool eventIndex, bool inOrder)
    {
        await using VsockGuest guest = VsockGuest.Start(
            transport: new() { RingPacked = packed, EventIndex = eventIndex, InOrder = inOrder });
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        byte[] buffer = new byte[100];
        for (int i = 0; i < 300; i++)
        {
            guest.Send(Op.Rw, 1000, 5000, $"ping {i}");
            Assert.Equal($"ping {i}", System.Text.Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer, Stop)));
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"pong {i}"), Stop);
            WirePacket answer = guest.ReceiveOne();
            Assert.Equal((Op.Rw, $"pong {i}"), (answer.Op, answer.Text));
        }
    }

    [Fact]
    [Trait("Row", "VSOCK-D01")]
    public async Task Headers_are_44_bytes_with_the_high_halves_of_the_cids_zero()
    {
        await using VsockGuest guest = VsockGuest.Start(new() { GuestCid = 0xabcd });
        guest.Cid = 0xabcd;
        guest.Send(Op.Request, 7, 8);
        WirePacket answer = guest.ReceiveOne();
        Assert.Equal((2ul, 0xabcdul), (answer.SourceCid, answer.DestinationCid));
        Assert.Equal((8u, 7u, (ushort)1, 0u), (answer.SourcePort, answer.DestinationPort, answer.Type, answer.Flags));
        Assert.Equal(0u, answer.Length);
    }

    [Fact]
    [Trait("Row", "VSOCK-D02")]
    public async Task A_request_is_answered_by_a_response_where_somebody_listens_and_by_a_reset_elsewhere()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        guest.Send(Op.Request, 1, 5000);
        Assert.Equal(Op.Response, guest.ReceiveOne().Op);
        guest.Send(Op.Request, 2, 5001);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    [InlineData(2u)]
    [InlineData(0xffff_ffffu)]
    [Trait("Row", "VSOCK-04")]
    public void A_reserved_cid_is_refused(uint cid)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new VsockDevice(new() { GuestCid = cid }));
        VsockDevice device = new();
        Assert.Throws<ArgumentOutOfRangeException>(() => device.ResetTransport(cid));
        Assert.Equal(3u, device.GuestCid);
    }

    [Theory]
    [InlineData(3u)]
    [InlineData(0x8000_0000u)]
    [InlineData(0xffff_fffeu)]
    [Trait("Row", "VSOCK-04")]
    public void The_cid_is_a_64_bit_number_in_the_configuration(uint cid)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new VsockDevice(new() { GuestCid = cid }));
        Assert.Equal((ulong)cid, BitConverter.ToUInt64(driver.ReadConfig(0, 8)));
        driver.WriteConfig(0, 9, 9, 9, 9);
        Assert.Equal((ulong)cid, BitConverter.ToUInt64(driver.ReadConfig(0, 8)));
    }

    [Fact]
    [Trait("Row", "VSOCK-05")]
    public async Task A_packet_of_an_unknown_type_is_answered_by_a_reset_with_swapped_addresses()
    {
        await using VsockGuest guest = VsockGuest.Start();
        guest.Send(guest.Packet(Op.Rw, 11, 22) with { Type = 99 });
        WirePacket answer = guest.ReceiveOne();
        Assert.Equal((Op.Rst, (ushort)99), (answer.Op, answer.Type));
        Assert.Equal((22u, 11u, 2ul, 3ul), (answer.SourcePort, answer.DestinationPort, answer.SourceCid, answer.DestinationCid));
    }

    [Fact]
    [Trait("Row", "VSOCK-06")]
    public async Task A_driver_that_knows_sequenced_packets_alone_has_streams_too()
    {
        await using VsockGuest guest = VsockGuest.Start(features: VirtioFeature.Version1 | VsockFeature.SeqPacket);
        Assert.Equal(VirtioFeature.Version1 | VsockFeature.SeqPacket, guest.Driver.Features);
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        Assert.Equal(VsockSocketType.Stream, stream.Type);
    }

    [Fact]
    [Trait("Row", "VSOCK-D07")]
    public async Task A_transport_reset_drops_connections_and_tells_the_driver_to_read_its_cid_again()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        Task<int> read = stream.ReadAsync(new byte[10], Stop).AsTask();
        guest.Device.ResetTransport(77);
        guest.Events.Submit([], [4]);
        UsedBuffer used = Assert.Single(guest.Events.Reap());
        Assert.Equal([0, 0, 0, 0], used.Written);
        Assert.Equal(77ul, BitConverter.ToUInt64(guest.Driver.ReadConfig(0, 8)));
        IOException error = await Assert.ThrowsAsync<IOException>(() => read);
        Assert.Equal(SocketError.ConnectionReset, ((SocketException)error.InnerException!).SocketErrorCode);
        // Nothing of the connection is left, and the guest speaks by its new name.
        guest.Send(Op.Rw, 1000, 5000, "lost");
        Assert.Empty(guest.Receive());
        guest.Cid = 77;
        guest.Send(Op.Request, 1000, 5000);
        Assert.Equal((Op.Response, 77ul), (guest.Receive() is [var one] ? (one.Op, one.DestinationCid) : default));
    }

    [Fact]
    public async Task An_event_waits_for_a_buffer_and_is_sent_once()
    {
        await using VsockGuest guest = VsockGuest.Start();
        guest.Events.Submit([], [2]);
        guest.Device.ResetTransport();
        guest.Device.ResetTransport();
        // A buffer too short for an event comes back empty.
        Assert.Equal(0u, Assert.Single(guest.Events.Reap()).Length);
        guest.Events.Submit([], [8]);
        guest.Events.Submit([], [8]);
        Assert.Equal(4u, Assert.Single(guest.Events.Reap()).Length);
    }

    [Fact]
    public async Task The_host_connects_to_a_port_of_the_guest()
    {
        await using VsockGuest guest = VsockGuest.Start();
        Task<VsockStream> connecting = guest.Device.ConnectAsync(80, cancel: Stop).AsTask();
        WirePacket request = guest.ReceiveOne();
        Assert.Equal((Op.Request, 80u), (request.Op, request.DestinationPort));
        Assert.False(connecting.IsCompleted);
        guest.Send(guest.Packet(Op.Response, 80, request.SourcePort) with { BufferBytes = 5 });
        await using VsockStream stream = await connecting;
        Task write = stream.WriteAsync("hello, guest"u8.ToArray(), Stop).AsTask();
        Assert.Equal("hello", guest.Receive().First(packet => packet.Op == Op.Rw).Text);
        guest.Send(guest.Packet(Op.CreditUpdate, 80, request.SourcePort) with { BufferBytes = 50, Forwarded = 5 });
        Assert.Equal(", guest", guest.ReceiveOne().Text);
        await write;
    }

    [Fact]
    public async Task Two_connections_of_the_host_to_one_port_have_ports_of_their_own()
    {
        await using VsockGuest guest = VsockGuest.Start();
        List<Task<VsockStream>> connecting = [];
        for (int i = 0; i < 3; i++) connecting.Add(guest.Device.ConnectAsync(80, cancel: Stop).AsTask());
        List<WirePacket> requests = guest.Receive();
        Assert.Equal(3, requests.Select(request => request.SourcePort).Distinct().Count());
        Assert.All(requests, request => Assert.InRange(request.SourcePort, 1u << 30, (1u << 31) - 1));
        foreach (WirePacket request in requests) guest.Send(Op.Response, 80, request.SourcePort);
        foreach (Task<VsockStream> one in connecting) (await one).Dispose();
    }

    [Fact]
    public async Task A_refused_connection_of_the_host_says_so()
    {
        await using VsockGuest guest = VsockGuest.Start();
        Task<VsockStream> connecting = guest.Device.ConnectAsync(80, cancel: Stop).AsTask();
        guest.Send(Op.Rst, 80, guest.ReceiveOne().SourcePort);
        IOException error = await Assert.ThrowsAsync<IOException>(() => connecting);
        Assert.Equal(SocketError.ConnectionRefused, ((SocketException)error.InnerException!).SocketErrorCode);
        Assert.Empty(guest.Receive());
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    public async Task A_connection_of_the_host_times_out_and_the_guest_is_told()
    {
        ManualTime time = new();
        await using VsockGuest guest = VsockGuest.Start(new() { Time = time });
        Task<VsockStream> connecting = guest.Device.ConnectAsync(80, cancel: Stop).AsTask();
        uint port = guest.ReceiveOne().SourcePort;
        time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(connecting.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.2));
        IOException error = await Assert.ThrowsAsync<IOException>(() => connecting);
        Assert.Equal(SocketError.TimedOut, ((SocketException)error.InnerException!).SocketErrorCode);
        WirePacket reset = guest.ReceiveOne();
        Assert.Equal((Op.Rst, port, 80u), (reset.Op, reset.SourcePort, reset.DestinationPort));
        Assert.Equal((0, 0), (guest.Device.Counters.Connections, time.Armed));
    }

    [Fact]
    public async Task A_connection_that_the_guest_never_heard_of_times_out_in_silence()
    {
        ManualTime time = new();
        await using VsockGuest guest = VsockGuest.Start(new() { Time = time }, buffers: 0);
        Task<VsockStream> connecting = guest.Device.ConnectAsync(80, cancel: Stop).AsTask();
        time.Advance(TimeSpan.FromSeconds(3));
        await Assert.ThrowsAsync<IOException>(() => connecting);
        guest.Post(4);
        Assert.Empty(guest.Receive());
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    public async Task Giving_up_a_connection_resets_it()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using CancellationTokenSource giveUp = new();
        Task<VsockStream> connecting = guest.Device.ConnectAsync(80, cancel: giveUp.Token).AsTask();
        Assert.Equal(Op.Request, guest.ReceiveOne().Op);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    public async Task Nobody_connects_while_no_driver_is_there()
    {
        VsockDevice device = new();
        IOException error = await Assert.ThrowsAsync<IOException>(() => device.ConnectAsync(1, cancel: Stop).AsTask());
        Assert.Equal(SocketError.NetworkDown, ((SocketException)error.InnerException!).SocketErrorCode);
    }

    [Fact]
    public async Task A_reset_of_the_device_ends_its_connections_and_leaves_its_listeners()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        VsockStream stream = await guest.ConnectAsync(listener);
        Task<int> read = stream.ReadAsync(new byte[10], Stop).AsTask();
        Task<VsockStream> connecting = guest.Device.ConnectAsync(80, cancel: Stop).AsTask();
        guest.Start(buffers: 8);
        await Assert.ThrowsAsync<IOException>(() => read);
        await Assert.ThrowsAsync<IOException>(() => connecting);
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[1], Stop).AsTask());
        Assert.Equal(1, guest.Device.Counters.Connections);
        await stream.DisposeAsync();
        Assert.Equal(0, guest.Device.Counters.Connections);
        Assert.Empty(guest.Receive());
        await using VsockStream again = await guest.ConnectAsync(listener);
        Assert.Equal(1000u, again.GuestPort);
    }

    [Fact]
    public async Task A_full_backlog_and_a_wrong_type_are_refused()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000, backlog: 2);
        Assert.Throws<InvalidOperationException>(() => guest.Device.Listen(5000));
        guest.Send(guest.Packet(Op.Request, 1, 5000) with { Type = 2 });
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        for (uint port = 1; port <= 3; port++) guest.Send(Op.Request, port, 5000);
        Assert.Equal([Op.Response, Op.Response, Op.Rst], guest.Receive().Select(packet => packet.Op));
        Assert.Equal(2, guest.Device.Counters.Refused);
        (await listener.AcceptAsync(Stop)).Dispose();
        guest.Send(Op.Request, 4, 5000);
        Assert.Contains(guest.Receive(), packet => packet is { Op: Op.Response, DestinationPort: 4 });
    }

    [Fact]
    public async Task Disposing_of_a_listener_ends_what_nobody_accepted()
    {
        await using VsockGuest guest = VsockGuest.Start();
        VsockListener listener = guest.Device.Listen(5000);
        guest.Send(Op.Request, 1, 5000);
        guest.Receive();
        ValueTask<VsockStream> first = listener.AcceptAsync(Stop);
        await using VsockStream stream = await first;
        guest.Send(Op.Request, 2, 5000);
        guest.Receive();
        listener.Dispose();
        Assert.Equal((Op.Shutdown, 2u), guest.Receive() is [var one] ? (one.Op, one.DestinationPort) : default);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => listener.AcceptAsync(Stop).AsTask());
        guest.Device.Listen(5000).Dispose();
    }

    [Fact]
    public async Task A_backend_that_fails_or_does_not_answer_costs_the_guest_a_reset()
    {
        ManualTime time = new();
        await using VsockGuest guest = VsockGuest.Start(new() { Time = time });
        guest.Device.Backend = new Backend(_ => throw new InvalidOperationException("broken"));
        guest.Send(Op.Request, 1, 9);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        Assert.Equal((1, 0), (guest.Device.Counters.Refused, guest.Device.Counters.TimedOut));
        VsockRequest? asked = null;
        guest.Device.Backend = new Backend(request => asked = request);
        guest.Send(Op.Request, 1, 9);
        Assert.Empty(guest.Receive());
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        Assert.Equal((1, 1), (guest.Device.Counters.Refused, guest.Device.Counters.TimedOut));
        await using VsockStream late = asked!.Accept();
        await Assert.ThrowsAsync<IOException>(() => late.ReadAsync(new byte[1], Stop).AsTask());
        Assert.Throws<InvalidOperationException>(asked.Refuse);
        Assert.Empty(guest.Receive());
    }

    private sealed class Backend(Action<VsockRequest> connect) : IVsockBackend
    {
        public void Connect(VsockRequest request) => connect(request);
    }
}
