using System.Net.Sockets;
using Squib.Virtio.Devices.Vsock;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

public sealed class VsockShutdownTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Row", "VSOCK-D03")]
    public async Task Flags_add_up_and_both_end_in_a_reset()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(guest.Packet(Op.Shutdown, 1000, 5000) with { Flags = 1 });
        Assert.Empty(guest.Receive());
        guest.Send(guest.Packet(Op.Shutdown, 1000, 5000) with { Flags = 2 });
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        Assert.Equal(0, await stream.ReadAsync(new byte[1], Stop));
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[1], Stop).AsTask());
    }

    [Fact]
    [Trait("Row", "VSOCK-D03")]
    public async Task What_the_guest_sent_before_it_closed_is_read_before_the_reset_goes_out()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(Op.Rw, 1000, 5000, "last words");
        guest.Send(guest.Packet(Op.Shutdown, 1000, 5000) with { Flags = 3 });
        Assert.Empty(guest.Receive());
        byte[] buffer = new byte[6];
        Assert.Equal(6, await stream.ReadAsync(buffer, Stop));
        Assert.Empty(guest.Receive());
        Assert.Equal(4, await stream.ReadAsync(buffer, Stop));
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        Assert.Equal(0, await stream.ReadAsync(buffer, Stop));
    }

    [Fact]
    [Trait("Row", "VSOCK-D04")]
    public async Task A_guest_that_does_not_confirm_the_end_gets_a_reset_in_the_end()
    {
        ManualTime time = new();
        await using VsockGuest guest = VsockGuest.Start(new() { Time = time });
        using VsockListener listener = guest.Device.Listen(5000);
        VsockStream stream = await guest.ConnectAsync(listener);
        await stream.DisposeAsync();
        Assert.Equal((Op.Shutdown, 3u), guest.Receive() is [var one] ? (one.Op, one.Flags) : default);
        time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Empty(guest.Receive());
        Assert.Equal(1, guest.Device.Counters.Connections);
        time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        Assert.Equal((0, 0, 1L), (guest.Device.Counters.Connections, time.Armed, guest.Device.Counters.TimedOut));
    }

    [Fact]
    public async Task A_guest_that_confirms_the_end_gets_no_more()
    {
        ManualTime time = new();
        await using VsockGuest guest = VsockGuest.Start(new() { Time = time });
        using VsockListener listener = guest.Device.Listen(5000);
        VsockStream stream = await guest.ConnectAsync(listener);
        stream.Dispose();
        stream.Dispose();
        Assert.Equal(Op.Shutdown, guest.ReceiveOne().Op);
        // What was on its way when the host closed is thrown away.
        guest.Send(Op.Rw, 1000, 5000, new string('x', 40_000));
        Assert.Equal(Op.CreditUpdate, guest.ReceiveOne().Op);
        guest.Send(Op.Rst, 1000, 5000);
        Assert.Equal((0, 0), (guest.Device.Counters.Connections, time.Armed));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Empty(guest.Receive());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stream.ReadAsync(new byte[1], Stop).AsTask());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stream.WriteAsync(new byte[1], Stop).AsTask());
    }

    [Fact]
    public async Task Half_closed_by_the_host_the_guest_goes_on_sending()
    {
        await using VsockGuest guest = VsockGuest.Start(buffers: 0);
        guest.Post(1);
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        // The end is told after the last byte.
        Task write = stream.WriteAsync(new byte[5000], Stop).AsTask();
        stream.CompleteWrites();
        stream.CompleteWrites();
        guest.Post(3);
        List<WirePacket> packets = guest.Receive(repost: false);
        Assert.Equal([Op.Rw, Op.Rw, Op.Shutdown], packets.Select(packet => packet.Op));
        Assert.Equal(2u, packets[2].Flags);
        await write;
        Assert.Throws<InvalidOperationException>(() => { _ = stream.WriteAsync(new byte[1], Stop); });
        guest.Send(Op.Rw, 1000, 5000, "an answer");
        Assert.Equal(9, await stream.ReadAsync(new byte[10], Stop));
    }

    [Fact]
    public async Task Half_closed_by_the_guest_the_host_goes_on_sending()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        Task<int> read = stream.ReadAsync(new byte[1], Stop).AsTask();
        guest.Send(guest.Packet(Op.Shutdown, 1000, 5000) with { Flags = 2 });
        Assert.Equal(0, await read);
        await stream.WriteAsync("an answer"u8.ToArray(), Stop);
        Assert.Equal("an answer", guest.ReceiveOne().Text);
    }

    [Fact]
    public async Task A_reset_by_the_guest_fails_what_waits()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener, bufferBytes: 0);
        Task<int> read = stream.ReadAsync(new byte[1], Stop).AsTask();
        Task write = stream.WriteAsync(new byte[1], Stop).AsTask();
        guest.Send(Op.Rst, 1000, 5000);
        IOException error = await Assert.ThrowsAsync<IOException>(() => read);
        Assert.Equal(SocketError.ConnectionReset, ((SocketException)error.InnerException!).SocketErrorCode);
        await Assert.ThrowsAsync<IOException>(() => write);
        Assert.DoesNotContain(guest.Receive(), packet => packet.Op == Op.Rst);
    }

    [Fact]
    public async Task A_connection_holds_its_slot_until_both_sides_are_done_with_it()
    {
        await using VsockGuest guest = VsockGuest.Start(new() { MaxConnections = 1 });
        using VsockListener listener = guest.Device.Listen(5000);
        VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(Op.Rw, 1000, 5000, "unread");
        guest.Send(Op.Rst, 1000, 5000);
        guest.Send(Op.Request, 1001, 5000);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        await stream.DisposeAsync();
        await using VsockStream next = await guest.ConnectAsync(listener, 1001);
        Assert.Equal(1001u, next.GuestPort);
    }

    [Fact]
    public async Task Ports_of_a_connection_that_is_being_closed_can_be_used_again_after_a_reset()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        VsockStream stream = await guest.ConnectAsync(listener);
        stream.Dispose();
        Assert.Equal(Op.Shutdown, guest.ReceiveOne().Op);
        guest.Send(Op.Request, 1000, 5000);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        await using VsockStream again = await guest.ConnectAsync(listener);
        Assert.Equal(1000u, again.GuestPort);
    }
}
