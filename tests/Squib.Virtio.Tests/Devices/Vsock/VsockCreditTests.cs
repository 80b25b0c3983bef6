using Squib.Virtio.Devices.Vsock;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

public sealed class VsockCreditTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Row", "VSOCK-02")]
    public async Task No_more_is_sent_than_the_guest_has_room_for()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener, bufferBytes: 16);
        byte[] sent = [.. Enumerable.Range(0, 100).Select(i => (byte)i)];
        Task write = stream.WriteAsync(sent, Stop).AsTask();
        List<byte> received = [];
        for (uint consumed = 0; received.Count < 100; consumed = (uint)received.Count)
        {
            List<WirePacket> packets = guest.Receive();
            received.AddRange(packets.Where(packet => packet.Op == Op.Rw).SelectMany(packet => packet.Payload));
            Assert.True(received.Count <= consumed + 16);
            Assert.Empty(guest.Receive());
            guest.Send(guest.Packet(Op.CreditUpdate, 1000, 5000) with { BufferBytes = 16, Forwarded = (uint)received.Count });
        }

        Assert.Equal(sent, received);
        await write;
    }

    [Fact]
    [Trait("Row", "VSOCK-03")]
    public async Task Every_packet_carries_the_buffer_and_the_count_of_consumed_bytes()
    {
        await using VsockGuest guest = VsockGuest.Start(new() { BufferBytes = 8192 });
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        byte[] buffer = new byte[1000];
        uint consumed = 0;
        for (int i = 0; i < 50; i++)
        {
            guest.Send(Op.Rw, 1000, 5000, new string('x', 1000));
            consumed += (uint)await stream.ReadAsync(buffer.AsMemory(0, 1 + (i * 7)), Stop);
            await stream.WriteAsync(buffer.AsMemory(0, 10), Stop);
            Assert.All(guest.Receive(), packet => Assert.Equal((8192u, consumed), (packet.BufferBytes, packet.Forwarded)));
            while (consumed < (uint)(i + 1) * 1000) consumed += (uint)await stream.ReadAsync(buffer, Stop);
        }
    }

    [Fact]
    [Trait("Row", "VSOCK-D05")]
    public async Task A_credit_request_is_answered_by_an_update()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(Op.CreditRequest, 1000, 5000);
        WirePacket answer = guest.ReceiveOne();
        Assert.Equal((Op.CreditUpdate, 65_536u, 0u), (answer.Op, answer.BufferBytes, answer.Forwarded));
    }

    [Fact]
    [Trait("Row", "VSOCK-D05")]
    public async Task The_guest_hears_unasked_when_a_quarter_of_the_buffer_has_been_consumed()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(Op.Rw, 1000, 5000, new string('x', 40_000));
        byte[] buffer = new byte[16_383];
        Assert.Equal(16_383, await stream.ReadAsync(buffer, Stop));
        Assert.Empty(guest.Receive());
        Assert.Equal(1, await stream.ReadAsync(buffer.AsMemory(0, 1), Stop));
        Assert.Equal((Op.CreditUpdate, 16_384u), guest.Receive() is [var one] ? (one.Op, one.Forwarded) : default);
    }

    [Fact]
    [Trait("Case", "V12")]
    public async Task Nothing_is_sent_into_no_room_and_all_of_it_once_there_is_some()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener, bufferBytes: 0);
        Task write = stream.WriteAsync(new byte[100_000], Stop).AsTask();
        // The guest is asked once, however often it says that there is still no room.
        Assert.Equal(Op.CreditRequest, guest.ReceiveOne().Op);
        for (int i = 0; i < 100; i++)
        {
            guest.Send(guest.Packet(Op.CreditUpdate, 1000, 5000) with { BufferBytes = 0 });
            Assert.Empty(guest.Receive());
        }

        Assert.False(write.IsCompleted);
        guest.Send(guest.Packet(Op.CreditUpdate, 1000, 5000) with { BufferBytes = 1 << 20 });
        Assert.Equal(100_000, guest.Receive().Sum(packet => packet.Payload.Length));
        await write;
    }

    [Theory]
    [InlineData(50u, 0u, 0)]
    [InlineData(99u, 0u, 0)]
    [InlineData(0u, 100u, 0)]
    [InlineData(200u, 101u, 100)]
    [InlineData(150u, 0x8000_0000u, 50)]
    [InlineData(uint.MaxValue, uint.MaxValue, 900)]
    [InlineData(120u, 50u, 70)]
    [Trait("Case", "V13")]
    public async Task A_buffer_that_shrinks_and_counts_that_cannot_be_give_no_credit(uint bufferBytes, uint forwarded, int more)
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener, bufferBytes: 100);
        Task write = stream.WriteAsync(new byte[1000], Stop).AsTask();
        Assert.Equal(100, guest.Receive().Sum(packet => packet.Payload.Length));
        guest.Send(guest.Packet(Op.CreditUpdate, 1000, 5000) with { BufferBytes = bufferBytes, Forwarded = forwarded });
        Assert.Equal(more, guest.Receive().Sum(packet => packet.Payload.Length));
        guest.Send(guest.Packet(Op.CreditUpdate, 1000, 5000) with { BufferBytes = 2000, Forwarded = 100 });
        Assert.Equal(900 - more, guest.Receive().Sum(packet => packet.Payload.Length));
        await write;
    }

    [Fact]
    [Trait("Case", "V14")]
    public async Task A_guest_that_promises_everything_and_reads_nothing_holds_the_host_back()
    {
        await using VsockGuest guest = VsockGuest.Start(buffers: 4);
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener, bufferBytes: uint.MaxValue);
        Task write = stream.WriteAsync(new byte[1 << 20], Stop).AsTask();
        // As much as fits into what the guest has lent, and no byte into memory of the host.
        Assert.Equal(4 * 4096, guest.Receive(repost: false).Sum(packet => packet.Payload.Length));
        Assert.False(write.IsCompleted);
        Assert.Equal(4 * 4096, guest.Device.Counters.BytesToGuest);
        guest.Post(4);
        Assert.Equal((1 << 20) - (4 * 4096), guest.Receive().Sum(packet => packet.Payload.Length));
        await write;
    }

    [Fact]
    [Trait("Case", "V15")]
    public async Task Data_beyond_the_credit_resets_the_connection()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(Op.Rw, 1000, 5000, new string('x', 65_536));
        Assert.Empty(guest.Receive());
        guest.Send(Op.Rw, 1000, 5000, "x");
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        guest.Send(Op.Rw, 1000, 5000, new string('x', 65_536));
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        Assert.Equal(1, guest.Device.Counters.Violations);
        // What came within the credit is the host's, then it learns of the reset.
        byte[] buffer = new byte[100_000];
        Assert.Equal(65_536, await stream.ReadAsync(buffer, Stop));
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(buffer, Stop).AsTask());
        Assert.Equal(1, guest.Device.Counters.Connections);
        await stream.DisposeAsync();
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    [Trait("Case", "V15")]
    public async Task A_mebibyte_at_once_resets_the_connection()
    {
        await using VsockGuest guest = VsockGuest.Start();
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream stream = await guest.ConnectAsync(listener);
        guest.Send(Op.Rw, 1000, 5000, new string('x', 1 << 20));
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(new byte[1], Stop).AsTask());
    }
}
