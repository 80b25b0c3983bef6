using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

public sealed class VsockStreamTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_read_that_waits_takes_bytes_at_once_and_the_rest_stays()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        byte[] buffer = new byte[4];
        ValueTask<int> read = stream.ReadAsync(buffer, Stop);
        Assert.False(read.IsCompleted);
        guest.Send(Op.Rw, 1000, 5000, "abcdef");
        Assert.Equal(4, await read);
        Assert.Equal("abcd"u8.ToArray(), buffer);
        Assert.Equal(2, await stream.ReadAsync(buffer, Stop));
        Assert.Equal("ef"u8.ToArray(), buffer[..2]);
    }

    [Fact]
    public async Task A_read_into_nothing_waits_for_something()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        ValueTask<int> read = stream.ReadAsync(Memory<byte>.Empty, Stop);
        Assert.False(read.IsCompleted);
        guest.Send(Op.Rw, 1000, 5000, "abc");
        Assert.Equal(0, await read);
        Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty, Stop));
        Assert.Equal(3, await stream.ReadAsync(new byte[9], Stop));
    }

    [Fact]
    public async Task A_write_that_fits_is_done_at_once()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        Assert.True(stream.WriteAsync(new byte[1000], Stop).IsCompletedSuccessfully);
        Assert.True(stream.WriteAsync(ReadOnlyMemory<byte>.Empty, Stop).IsCompletedSuccessfully);
        Assert.Equal(1000, guest.ReceiveOne().Payload.Length);
    }

    [Fact]
    public async Task Waiting_can_be_given_up_and_tried_again()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener, bufferBytes: 0);
        using CancellationTokenSource giveUp = new();
        Task<int> read = stream.ReadAsync(new byte[9], giveUp.Token).AsTask();
        Task write = stream.WriteAsync("never"u8.ToArray(), giveUp.Token).AsTask();
        Assert.Equal(Op.CreditRequest, guest.ReceiveOne().Op);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.ReadAsync(new byte[9], giveUp.Token).AsTask());
        read = stream.ReadAsync(new byte[9], Stop).AsTask();
        guest.Send(Op.Rw, 1000, 5000, "abc");
        Assert.Equal(3, await read);
        write = stream.WriteAsync("again"u8.ToArray(), Stop).AsTask();
        guest.Send(Op.CreditUpdate, 1000, 5000);
        Assert.Equal("again", guest.Receive().First(packet => packet.Op == Op.Rw).Text);
        await write;
    }

    [Fact]
    public async Task A_second_read_or_write_at_a_time_is_a_mistake()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        VsockStream stream = await guest.ConnectAsync(listener, bufferBytes: 0);
        Task<int> read = stream.ReadAsync(new byte[9], Stop).AsTask();
        Task write = stream.WriteAsync(new byte[9], Stop).AsTask();
        Assert.Throws<InvalidOperationException>(() => { _ = stream.ReadAsync(new byte[9], Stop); });
        Assert.Throws<InvalidOperationException>(() => { _ = stream.WriteAsync(new byte[9], Stop); });
        await stream.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => read);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => write);
    }

    [Fact]
    public async Task A_stream_says_what_it_can_do()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        Assert.Equal((true, true, false), (stream.CanRead, stream.CanWrite, stream.CanSeek));
        Assert.Equal((1000u, 5000u), (stream.GuestPort, stream.HostPort));
        Assert.Throws<NotSupportedException>(() => stream.Length);
        Assert.Throws<NotSupportedException>(() => stream.Position);
        Assert.Throws<NotSupportedException>(() => stream.Position = 1);
        Assert.Throws<NotSupportedException>(() => stream.Seek(0, SeekOrigin.Begin));
        Assert.Throws<NotSupportedException>(() => stream.SetLength(0));
        guest.Send(Op.Rw, 1000, 5000, "abc");
        byte[] buffer = new byte[5];
        Assert.Equal(3, stream.Read(buffer, 1, 4));
        stream.Write("xyz"u8.ToArray(), 1, 2);
        stream.Flush();
        Assert.Equal("yz", guest.ReceiveOne().Text);
    }

    [Fact]
    public async Task Connections_take_turns_when_buffers_are_short()
    {
        await using VsockGuest guest = VsockGuest.Start(buffers: 64, bufferBytes: 144);
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream one = await guest.ConnectAsync(listener, 1);
        await using VsockStream two = await guest.ConnectAsync(listener, 2);
        guest.Receive(repost: false);
        Task first = one.WriteAsync(new byte[20_000], Stop).AsTask();
        Task second = two.WriteAsync(new byte[20_000], Stop).AsTask();
        List<WirePacket> packets = guest.Receive();
        Assert.Equal(40_000, packets.Sum(packet => packet.Payload.Length));
        int lastOfFirst = packets.FindLastIndex(packet => packet.DestinationPort == 1);
        int firstOfSecond = packets.FindIndex(packet => packet.DestinationPort == 2);
        Assert.True(firstOfSecond < lastOfFirst, $"The second began at {firstOfSecond}, the first ended at {lastOfFirst}.");
        await first;
        await second;
    }

    [Fact]
    public async Task A_pooled_device_moves_much_in_both_directions_at_once()
    {
        await using VsockGuest guest = VsockGuest.Start(
            queueSize: 128, buffers: 64, transport: new() { Scheduling = DeviceScheduling.Pooled });
        using VsockListener listener = guest.Device.Listen(5000);
        guest.Send(guest.Packet(Op.Request, 1000, 5000) with { BufferBytes = 100_000 });
        await using VsockStream stream = await listener.AcceptAsync(Stop);
        byte[] sent = new byte[4 << 20];
        new Random(1).NextBytes(sent);
        Task echo = EchoAsync(stream);
        List<byte> back = [];
        int at = 0;
        uint consumedByHost = 0;
        while (back.Count < sent.Length)
        {
            guest.Tx.Reap();
            while (at < sent.Length && at - consumedByHost < 65_536 && guest.Tx.InFlight < 60)
            {
                int length = Math.Min(Math.Min(4000, sent.Length - at), (int)(65_536 - (at - consumedByHost)));
                guest.Tx.Submit([
                    (guest.Packet(Op.Rw, 1000, 5000) with
                    {
                        Length = (uint)length, Forwarded = (uint)back.Count, BufferBytes = 100_000,
                    }).Header(),
                    sent[at..(at + length)]]);
                at += length;
            }

            foreach (WirePacket packet in guest.Receive())
            {
                consumedByHost = packet.Forwarded;
                back.AddRange(packet.Payload);
                Assert.NotEqual(Op.Rst, packet.Op);
            }

            if (at == sent.Length && guest.Tx.InFlight == 0)
                guest.Tx.Submit([(guest.Packet(Op.CreditUpdate, 1000, 5000) with { Forwarded = (uint)back.Count, BufferBytes = 100_000 }).Header()]);
            await Task.Yield();
        }

        Assert.True(sent.AsSpan().SequenceEqual(back.ToArray()));
        guest.Tx.Submit([(guest.Packet(Op.Shutdown, 1000, 5000) with { Flags = 2 }).Header()]);
        await echo;
    }

    private static async Task EchoAsync(VsockStream stream)
    {
        byte[] buffer = new byte[10_000];
        int count;
        while ((count = await stream.ReadAsync(buffer, Stop)) > 0) await stream.WriteAsync(buffer.AsMemory(0, count), Stop);
    }
}
