using System.Buffers.Binary;
using System.Net.Sockets;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Tests.Queues;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>A stream of frames, each behind its length, over a real socket.</summary>
public sealed class StreamNetBackendTests : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-net-");
    private readonly Socket peer;
    private readonly StreamNetBackend backend;
    private readonly TestPort port = new();

    public StreamNetBackendTests()
    {
        string path = Path.Combine(folder.FullName, "net.sock");
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        backend = StreamNetBackend.Connect(path);
        peer = listener.Accept();
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await backend.DisposeAsync();
        peer.Dispose();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Frames_go_out_behind_their_length_with_the_highest_byte_first()
    {
        NetGuest guest = new(backend);
        byte[] first = Ethernet(Peer, Own, 60);
        byte[] second = Ethernet(Peer, Own, 1514);
        guest.Send(first);
        guest.Send(second);
        Assert.Equal([0, 0, 0, 60, .. first, 0, 0, 5, 0xea, .. second], await ReadAsync(4 + 60 + 4 + 1514));
    }

    [Fact]
    public async Task A_frame_wakes_a_guest_that_waits()
    {
        NetGuest guest = new(backend);
        byte[] frame = Ethernet(Own, Peer, 1514);
        foreach (int round in Enumerable.Range(0, 3))
        {
            await SendAsync(frame);
            Assert.Equal(frame, (await guest.ReceiveOneAsync()).Bytes);
            Assert.Equal(round + 1, guest.Device.Counters.FramesReceived);
        }
    }

    [Fact]
    public async Task A_checksum_is_complete_before_it_goes_out()
    {
        NetGuest guest = new(backend);
        byte[] complete = Udp4(Peer, Own, 1, 2, 500);
        (byte[] frame, NetHeader header) = Unfinished(complete);
        guest.Send(frame, header);
        Assert.Equal(complete, (await ReadAsync(4 + complete.Length))[4..]);
    }

    [Fact]
    public void A_frame_that_comes_byte_by_byte_is_there_with_its_last_byte()
    {
        backend.Attach(port);
        byte[] frame = Ethernet(Own, Peer, 40);
        byte[] stream = [.. Prefixed(frame), .. Prefixed(frame)];
        int frames = 0;
        for (int i = 0; i < stream.Length; i++)
        {
            peer.Send(stream.AsSpan(i, 1));
            bool there = backend.TryPeek(0, out NetHeader header, out ReadOnlySpan<byte> bytes);
            Assert.Equal((i + 1) % 44 == 0, there);
            if (!there) continue;
            Assert.Equal((default, frame), (header, bytes.ToArray()), (a, b) => a.Item1 == b.Item1 && a.Item2.SequenceEqual(b.Item2));
            backend.Consume(0);
            frames++;
        }

        Assert.Equal(2, frames);
        Assert.True(port.IsUp);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(1000)]
    [InlineData(1 << 20)]
    public async Task Frames_of_all_sizes_arrive_however_the_stream_is_cut(int piece)
    {
        backend.Attach(port);
        int[] lengths = piece < 10 ? [14, 60, 1514, 15] : [14, 1514, NetFrame.MaxLength, 60, 9014, NetFrame.MaxLength, 15, 40_000];
        byte[][] frames = [.. lengths.Select((length, i) => Ethernet(Own, Peer, length, seed: i))];
        byte[] stream = [.. frames.SelectMany(Prefixed)];
        Task writing = Vcpu.Start(() =>
        {
            for (int at = 0; at < stream.Length; at += piece) peer.Send(stream.AsSpan(at, Math.Min(piece, stream.Length - at)));
        });
        foreach (byte[] frame in frames) Assert.Equal(frame, await port.TakeAsync(backend));
        await writing.Soon();
    }

    [Fact]
    public async Task A_frame_without_a_byte_is_thrown_away_and_the_next_is_not()
    {
        NetGuest guest = new(backend);
        await peer.SendAsync(new byte[8], Stop);
        byte[] frame = Ethernet(Own, Peer, 60);
        await SendAsync(frame);
        Assert.Equal(frame, (await guest.ReceiveOneAsync()).Bytes);
        Assert.Equal(2, guest.Device.Counters.BadLength);
        Assert.True(guest.Device.IsLinkUp);
    }

    [Theory]
    [InlineData(NetFrame.MaxLength + 1u)]
    [InlineData(0x7fff_ffffu)]
    [InlineData(0xffff_ffffu)]
    public async Task A_length_that_no_frame_has_takes_the_link_down_after_the_frames_before_it(uint length)
    {
        NetGuest guest = new(backend);
        byte[] frame = Ethernet(Own, Peer, 60);
        byte[] prefix = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(prefix, length);
        await peer.SendAsync((byte[])[.. Prefixed(frame), .. prefix, 1, 2, 3], Stop);
        Assert.Equal(frame, (await guest.ReceiveOneAsync()).Bytes);
        await LinkDownAsync(guest);
        Assert.IsType<InvalidDataException>(backend.Failure);
        // The driver goes on and nothing happens.
        guest.Send(Ethernet(Peer, Own, 60));
        Assert.Equal(1, guest.Device.Counters.SendsWithoutLink);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(30)]
    public async Task When_the_peer_goes_within_a_frame_the_link_goes_down(int bytes)
    {
        NetGuest guest = new(backend);
        byte[] frame = Ethernet(Own, Peer, 60);
        await peer.SendAsync((byte[])[.. Prefixed(frame), .. Prefixed(frame)[..bytes]], Stop);
        peer.Dispose();
        Assert.Equal(frame, (await guest.ReceiveOneAsync()).Bytes);
        await LinkDownAsync(guest);
        Assert.IsType<EndOfStreamException>(backend.Failure);
        Assert.Equal(0, guest.Status & 1);
        Assert.Equal(1, guest.Device.Counters.FramesReceived);
    }

    [Fact]
    public async Task A_peer_that_goes_while_frames_wait_for_it_sets_the_sender_free()
    {
        NetGuest guest = new(backend);
        byte[] packet = [.. new byte[NetHeader.Size], .. Ethernet(Peer, Own, 60_000)];
        ulong at = guest.Driver.Allocate(packet.Length);
        guest.Driver.Memory.TryWrite(at, packet);
        for (int i = 0; i < 200; i++) guest.Tx().Add([new Testing.DriverSegment(at, (uint)packet.Length, false)]);
        guest.Tx().Kick();
        int sent = guest.Tx().Reap().Count;
        Assert.InRange(sent, 1, 199);
        peer.Dispose();
        await LinkDownAsync(guest);
        while (sent < 200)
        {
            sent += guest.Tx().Reap().Count;
            await Task.Yield();
        }
    }

    [Fact]
    public async Task A_peer_that_does_not_read_holds_frames_up_and_none_is_lost()
    {
        backend.Attach(port);
        int sent = 0;
        byte[][] frames = [.. Enumerable.Range(0, 400).Select(i => Ethernet(Peer, Own, 1000 + i, seed: i))];
        Task<byte[]>? reading = null;
        while (sent < frames.Length)
        {
            if (backend.CanSend(0))
            {
                backend.Send(0, new(default, frames[sent++]));
                backend.EndSend(0);
                continue;
            }

            // Nothing more goes in until the peer takes something.
            Assert.False(backend.CanSend(0));
            reading ??= ReadAsync(frames.Sum(frame => 4 + frame.Length));
            await port.RoomAsync();
        }

        Assert.NotNull(reading);
        Assert.Equal(frames.SelectMany(Prefixed), await reading);
    }

    [Fact]
    public async Task The_end_of_the_backend_is_no_exception_for_the_device()
    {
        NetGuest guest = new(backend);
        await backend.DisposeAsync();
        await backend.DisposeAsync();
        guest.Send(Ethernet(Peer, Own, 60));
        await LinkDownAsync(guest);
        guest.Driver.Reset();
        guest.Start();
        Assert.Empty(guest.Receive());
    }

    [Fact]
    public void A_frame_allocates_nothing()
    {
        backend.Attach(port);
        byte[] frame = Ethernet(Own, Peer, 1514);
        byte[] wire = Prefixed(frame);
        byte[] sink = new byte[64 << 10];
        long least = long.MaxValue;
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < 16; i++) peer.Send(wire);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 16; i++)
            {
                Assert.True(backend.TryPeek(0, out _, out ReadOnlySpan<byte> bytes));
                Assert.True(backend.CanSend(0));
                backend.Send(0, new(default, bytes));
                backend.Consume(0);
            }

            backend.EndReceive(0);
            backend.EndSend(0);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            for (int got = 0; got < 16 * wire.Length;) got += peer.Receive(sink);
        }

        Assert.Equal(0, least);
    }

    [Fact]
    public void Only_a_connected_stream_will_do()
    {
        using Socket datagrams = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        using Socket alone = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Assert.Throws<ArgumentException>(() => new StreamNetBackend(datagrams));
        Assert.Throws<ArgumentException>(() => new StreamNetBackend(alone));
        Assert.Throws<ArgumentNullException>(() => new StreamNetBackend(null!));
        Assert.ThrowsAny<SocketException>(() => StreamNetBackend.Connect(Path.Combine(folder.FullName, "nobody")));
        Assert.ThrowsAny<ArgumentException>(() => StreamNetBackend.Connect(new string('x', 200)));
    }

    private static byte[] Prefixed(byte[] frame)
    {
        byte[] prefix = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(prefix, frame.Length);
        return [.. prefix, .. frame];
    }

    private static async Task LinkDownAsync(NetGuest guest)
    {
        while (guest.Device.IsLinkUp)
        {
            Stop.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private async Task SendAsync(byte[] frame) => await peer.SendAsync(Prefixed(frame), Stop);

    private async Task<byte[]> ReadAsync(int bytes)
    {
        byte[] all = new byte[bytes];
        for (int got = 0; got < bytes;)
        {
            int count = await peer.ReceiveAsync(all.AsMemory(got), Stop);
            if (count == 0) throw new EndOfStreamException();
            got += count;
        }

        return all;
    }
}
