using System.Net.Sockets;
using Squib.Virtio.Devices.Net;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>Each frame a datagram, over real sockets.</summary>
public sealed class DatagramNetBackendTests : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-net-");
    private readonly Socket peer = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly DatagramNetBackend backend;
    private readonly TestPort port = new();

    public DatagramNetBackendTests()
    {
        peer.Bind(new UnixDomainSocketEndPoint(PeerPath));
        backend = DatagramNetBackend.Open(OwnPath, PeerPath);
        peer.Connect(new UnixDomainSocketEndPoint(OwnPath));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string OwnPath => Path.Combine(folder.FullName, "own");

    private string PeerPath => Path.Combine(folder.FullName, "peer");

    public async ValueTask DisposeAsync()
    {
        await backend.DisposeAsync();
        peer.Dispose();
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData(14)]
    [InlineData(1514)]
    [InlineData(NetFrame.MaxLength)]
    public async Task A_frame_is_a_datagram_in_both_directions(int length)
    {
        NetGuest guest = new(backend, buffers: 60);
        byte[] frame = Ethernet(Peer, Own, length);
        guest.Send(frame);
        Assert.Equal(frame, await ReadAsync());
        guest.SendPieces([.. ((byte[])[.. new byte[12], .. frame]).Chunk(1 + (length / 3))]);
        Assert.Equal(frame, await ReadAsync());
        byte[] back = Ethernet(Own, Peer, length);
        for (int round = 0; round < 3; round++)
        {
            await peer.SendAsync(back, Stop);
            Assert.Equal(back, (await guest.ReceiveOneAsync()).Bytes);
            guest.Refill(60);
        }
    }

    [Fact]
    public async Task Datagrams_that_are_no_frames_are_thrown_away_and_the_next_is_not()
    {
        NetGuest guest = new(backend);
        await peer.SendAsync(Array.Empty<byte>(), Stop);
        await peer.SendAsync(new byte[13], Stop);
        await peer.SendAsync(new byte[NetFrame.MaxLength + 1], Stop);
        await peer.SendAsync(new byte[NetFrame.MaxLength + 5000], Stop);
        byte[] frame = Ethernet(Own, Peer, 60);
        await peer.SendAsync(frame, Stop);
        Assert.Equal(frame, (await guest.ReceiveOneAsync()).Bytes);
        Assert.Equal((4, 1), (guest.Device.Counters.BadLength, guest.Device.Counters.FramesReceived));
        Assert.True(guest.Device.IsLinkUp);
    }

    [Fact]
    public async Task A_peer_that_does_not_read_holds_frames_up_and_none_is_lost()
    {
        backend.Attach(port);
        byte[][] frames = [.. Enumerable.Range(0, 2000).Select(i => Ethernet(Peer, Own, 1000 + (i % 400), seed: i))];
        Task<List<byte[]>>? reading = null;
        for (int sent = 0; sent < frames.Length;)
        {
            if (backend.CanSend(0))
            {
                backend.Send(0, new(default, frames[sent++]));
                backend.EndSend(0);
                continue;
            }

            Assert.False(backend.CanSend(0));
            reading ??= ReadAsync(frames.Length);
            await port.RoomAsync();
        }

        Assert.NotNull(reading);
        Assert.Equal(frames, await reading);
        Assert.Equal(0, backend.RefusedSends);
    }

    [Fact]
    public void A_peer_that_is_gone_takes_the_link_down_when_something_is_sent_to_it()
    {
        NetGuest guest = new(backend);
        peer.Dispose();
        Assert.True(guest.Device.IsLinkUp);
        guest.Send(Ethernet(Peer, Own, 60));
        Assert.False(guest.Device.IsLinkUp);
        Assert.IsType<SocketException>(backend.Failure);
        guest.Send(Ethernet(Peer, Own, 60));
        Assert.Equal(1, guest.Device.Counters.SendsWithoutLink);
    }

    [Fact]
    public async Task A_peer_that_goes_while_a_frame_waits_for_it_sets_the_sender_free()
    {
        backend.Attach(port);
        byte[] frame = Ethernet(Peer, Own, 60);
        int sent = 0;
        while (backend.CanSend(0) && sent++ < 100_000) backend.Send(0, new(default, frame));
        Assert.InRange(sent, 1, 99_999);
        peer.Dispose();
        await port.RoomAsync();
        Assert.True(backend.CanSend(0));
        backend.Send(0, new(default, frame));
        backend.EndSend(0);
        // It is told by whoever is first: here, or where the waiting frame has failed.
        Assert.True(SpinWait.SpinUntil(() => !port.IsUp, 20_000));
    }

    [Fact]
    public async Task A_frame_that_is_too_much_for_the_socket_is_counted()
    {
        using Socket sink = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        UnixDomainSocketEndPoint path = new(Path.Combine(folder.FullName, "sink"));
        sink.Bind(path);
        Socket small = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { SendBufferSize = 4608 };
        small.Connect(path);
        await using DatagramNetBackend other = new(small);
        NetGuest guest = new(other);
        guest.Send(Ethernet(Peer, Own, 60_000));
        Assert.Equal(1, other.RefusedSends);
        guest.Send(Ethernet(Peer, Own, 60));
        Assert.True(guest.Device.IsLinkUp);
        Assert.Equal(60, sink.Receive(new byte[100]));
    }

    [Fact]
    public async Task The_end_of_the_backend_is_no_exception_for_the_device_and_removes_the_socket()
    {
        NetGuest guest = new(backend);
        Assert.True(File.Exists(OwnPath));
        await backend.DisposeAsync();
        await backend.DisposeAsync();
        Assert.False(File.Exists(OwnPath));
        guest.Send(Ethernet(Peer, Own, 60));
        Assert.False(guest.Device.IsLinkUp);
        guest.Driver.Reset();
        guest.Start();
        Assert.Empty(guest.Receive());
    }

    [Fact]
    public void A_frame_allocates_nothing()
    {
        backend.Attach(port);
        byte[] frame = Ethernet(Own, Peer, 1514);
        byte[] sink = new byte[2000];
        long least = long.MaxValue;
        for (int round = 0; round < 100; round++)
        {
            peer.Send(frame);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.True(backend.TryPeek(0, out _, out ReadOnlySpan<byte> bytes));
            Assert.True(backend.CanSend(0));
            backend.Send(0, new(default, bytes));
            backend.Consume(0);
            backend.EndReceive(0);
            backend.EndSend(0);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(1514, peer.Receive(sink));
        }

        Assert.Equal(0, least);
    }

    [Fact]
    public void Only_a_connected_datagram_socket_will_do()
    {
        using Socket stream = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using Socket alone = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        Assert.Throws<ArgumentException>(() => new DatagramNetBackend(stream));
        Assert.Throws<ArgumentException>(() => new DatagramNetBackend(alone));
        Assert.Throws<ArgumentNullException>(() => new DatagramNetBackend(null!));
        string third = Path.Combine(folder.FullName, "third");
        Assert.ThrowsAny<SocketException>(() => DatagramNetBackend.Open(third, Path.Combine(folder.FullName, "nobody")));
        Assert.False(File.Exists(third));
        Assert.ThrowsAny<SocketException>(() => DatagramNetBackend.Open(PeerPath, OwnPath));
        Assert.True(File.Exists(PeerPath));
    }

    private async Task<List<byte[]>> ReadAsync(int count)
    {
        List<byte[]> all = [];
        while (all.Count < count) all.Add(await ReadAsync());
        return all;
    }

    private async Task<byte[]> ReadAsync()
    {
        byte[] bytes = new byte[NetFrame.MaxLength];
        int count = await peer.ReceiveAsync(bytes, Stop);
        return bytes[..count];
    }
}
