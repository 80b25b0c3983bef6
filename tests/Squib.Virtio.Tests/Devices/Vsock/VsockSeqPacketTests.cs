using Squib.Virtio.Devices.Vsock;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

public sealed class VsockSeqPacketTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Row", "VSOCK-D06")]
    public async Task A_message_over_several_packets_keeps_its_bounds()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000, VsockSocketType.SeqPacket);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        Send(guest, "one ", 0);
        Send(guest, "message", 1);
        Send(guest, "a record", 3);
        Send(guest, "x", 1);
        byte[] buffer = new byte[100];
        Assert.Equal(new VsockReceived(11, true, false), await stream.ReceiveAsync(buffer, Stop));
        Assert.Equal("one message"u8.ToArray(), buffer[..11]);
        Assert.Equal(new VsockReceived(3, false, false), await stream.ReceiveAsync(buffer.AsMemory(0, 3), Stop));
        Assert.Equal(new VsockReceived(5, true, true), await stream.ReceiveAsync(buffer, Stop));
        Assert.Equal(new VsockReceived(1, true, false), await stream.ReceiveAsync(buffer, Stop));
    }

    [Fact]
    [Trait("Row", "VSOCK-D06")]
    public async Task A_reader_that_waits_hears_of_the_end_of_the_message()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000, VsockSocketType.SeqPacket);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        byte[] buffer = new byte[5];
        ValueTask<VsockReceived> read = stream.ReceiveAsync(buffer, Stop);
        Send(guest, "12345", 1);
        Assert.Equal(new VsockReceived(5, true, false), await read);
        read = stream.ReceiveAsync(buffer, Stop);
        Send(guest, "1234567", 3);
        Assert.Equal(new VsockReceived(5, false, false), await read);
        Assert.Equal(new VsockReceived(2, true, true), await stream.ReceiveAsync(buffer, Stop));
    }

    [Fact]
    public async Task A_message_may_end_with_a_packet_without_bytes()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000, VsockSocketType.SeqPacket);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        byte[] buffer = new byte[10];
        // While the bytes are waiting, after they have been read, and while somebody waits for more.
        Send(guest, "abc", 0);
        Send(guest, "", 3);
        Assert.Equal(new VsockReceived(3, true, true), await stream.ReceiveAsync(buffer, Stop));
        Send(guest, "abc", 0);
        Assert.Equal(new VsockReceived(3, false, false), await stream.ReceiveAsync(buffer, Stop));
        Send(guest, "", 1);
        Assert.Equal(new VsockReceived(0, true, false), await stream.ReceiveAsync(buffer, Stop));
        Send(guest, "abc", 0);
        Assert.Equal(new VsockReceived(3, false, false), await stream.ReceiveAsync(buffer, Stop));
        ValueTask<VsockReceived> read = stream.ReceiveAsync(buffer, Stop);
        Send(guest, "", 3);
        Assert.Equal(new VsockReceived(0, true, true), await read);
        // An empty message is none.
        Send(guest, "", 1);
        Send(guest, "z", 1);
        Assert.Equal(new VsockReceived(1, true, false), await stream.ReceiveAsync(buffer, Stop));
    }

    [Fact]
    public async Task Thousands_of_short_messages_keep_their_bounds_around_the_end_of_the_buffer()
    {
        await using VsockGuest guest = VsockGuest.Start(new() { BufferBytes = 4100 });
        using VsockListener listener = guest.Device.Listen(5000, VsockSocketType.SeqPacket);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        byte[] buffer = new byte[1000];
        Random random = new(7);
        Queue<string> expected = new();
        int waiting = 0;
        for (int i = 0; i < 5000; i++)
        {
            string message = new((char)('a' + (i % 26)), random.Next(1, 200));
            // Up to a quarter of the buffer the guest does not know what has been read.
            while (waiting + message.Length > 4100 - 1025)
            {
                string next = expected.Dequeue();
                VsockReceived received = await stream.ReceiveAsync(buffer, Stop);
                Assert.Equal(new VsockReceived(next.Length, true, next.Length % 3 == 0), received);
                Assert.Equal(next, System.Text.Encoding.ASCII.GetString(buffer, 0, next.Length));
                waiting -= next.Length;
            }

            Send(guest, message, message.Length % 3 == 0 ? 3u : 1u);
            expected.Enqueue(message);
            waiting += message.Length;
            Assert.DoesNotContain(guest.Receive(), packet => packet.Op == Op.Rst);
        }
    }

    [Fact]
    [Trait("Row", "VSOCK-D06")]
    public async Task Messages_of_the_host_end_where_they_end()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000, VsockSocketType.SeqPacket);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        await stream.WriteAsync(new byte[10_000], Stop);
        List<WirePacket> packets = guest.Receive();
        Assert.Equal([(4096, 0u), (4096, 0u), (1808, 1u)], packets.Select(packet => (packet.Payload.Length, packet.Flags)));
        Assert.All(packets, packet => Assert.Equal(2, packet.Type));
        await stream.SendAsync(new byte[1], endOfMessage: false, cancel: Stop);
        await stream.SendAsync(new byte[2], endOfMessage: true, endOfRecord: true, Stop);
        await stream.SendAsync(new byte[3], endOfMessage: false, cancel: Stop);
        await stream.SendAsync(ReadOnlyMemory<byte>.Empty, endOfMessage: true, cancel: Stop);
        await stream.WriteAsync(ReadOnlyMemory<byte>.Empty, Stop);
        Assert.Equal([(1, 0u), (2, 3u), (3, 0u), (0, 1u)], guest.Receive().Select(packet => (packet.Payload.Length, packet.Flags)));
    }

    [Fact]
    public async Task A_message_longer_than_the_guests_buffer_is_refused_and_costs_nothing()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000, VsockSocketType.SeqPacket);
        await using VsockStream stream = await guest.ConnectAsync(listener, bufferBytes: 1000);
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[1001], Stop).AsTask());
        await stream.SendAsync(new byte[600], endOfMessage: false, cancel: Stop);
        await Assert.ThrowsAsync<IOException>(() => stream.SendAsync(new byte[401], endOfMessage: true, cancel: Stop).AsTask());
        await stream.SendAsync(new byte[400], endOfMessage: true, cancel: Stop);
        Assert.Equal([(600, 0u), (400, 1u)], guest.Receive().Select(packet => (packet.Payload.Length, packet.Flags)));
    }

    [Fact]
    public async Task Giving_up_half_a_message_resets_the_connection()
    {
        await using VsockGuest guest = VsockGuest.Start(buffers: 2, bufferBytes: 144);
        using VsockListener listener = guest.Device.Listen(5000, VsockSocketType.SeqPacket);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        using CancellationTokenSource giveUp = new();
        Task write = stream.WriteAsync(new byte[1000], giveUp.Token).AsTask();
        Assert.Equal(2, guest.Receive(repost: false).Count);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        guest.Post(2);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
    }

    [Fact]
    public async Task The_host_connects_with_messages_too()
    {
        await using VsockGuest guest = VsockGuest.Start();
        Task<VsockStream> connecting = guest.Device.ConnectAsync(80, VsockSocketType.SeqPacket, Stop).AsTask();
        WirePacket request = guest.ReceiveOne();
        Assert.Equal((Op.Request, (ushort)2), (request.Op, request.Type));
        guest.Send(guest.Packet(Op.Response, 80, request.SourcePort) with { Type = 2 });
        await using VsockStream stream = await connecting;
        // The type is part of the connection: a stream packet on its ports is somebody else's.
        guest.Send(Op.Rw, 80, request.SourcePort, "x");
        WirePacket reset = guest.ReceiveOne();
        Assert.Equal((Op.Rst, (ushort)1), (reset.Op, reset.Type));
    }

    private static void Send(VsockGuest guest, string payload, uint flags) =>
        guest.Send(guest.Packet(Op.Rw, 1000, 5000, payload) with { Type = 2, Flags = flags });
}
