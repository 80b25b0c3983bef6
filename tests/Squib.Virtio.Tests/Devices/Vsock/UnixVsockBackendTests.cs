using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

public sealed class UnixVsockBackendTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-vsock-");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string SocketPath => Path.Combine(folder.FullName, "v.sock");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_program_of_the_host_connects_to_a_port_of_the_guest()
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket program = await DialAsync("CONNECT 80\n");
        WirePacket request = await guest.ReceiveAsync(Op.Request);
        Assert.Equal(80u, request.DestinationPort);
        Assert.Equal(0, program.Available);
        guest.Send(Op.Response, 80, request.SourcePort);
        Assert.Equal($"OK {request.SourcePort}\n", await ReadAsync(program, $"OK {request.SourcePort}\n".Length));

        await program.SendAsync("to the guest"u8.ToArray(), Stop);
        Assert.Equal("to the guest", (await guest.ReceiveAsync(Op.Rw)).Text);
        guest.Send(Op.Rw, 80, request.SourcePort, "to the host");
        Assert.Equal("to the host", await ReadAsync(program, 11));

        // Each side closes its half.
        program.Shutdown(SocketShutdown.Send);
        Assert.Equal(2u, (await guest.ReceiveAsync(Op.Shutdown)).Flags);
        guest.Send(Op.Rw, 80, request.SourcePort, "the last");
        Assert.Equal("the last", await ReadAsync(program, 8));
        guest.Send(guest.Packet(Op.Shutdown, 80, request.SourcePort) with { Flags = 3 });
        Assert.Equal(0, await program.ReceiveAsync(new byte[1], Stop));
        Assert.Equal(Op.Rst, (await guest.ReceiveAsync(Op.Rst)).Op);
    }

    [Theory]
    [InlineData("connect  4294967295 \r\n", 4294967295u)]
    [InlineData("CONNECT 0\nand more", 0u)]
    public async Task The_line_may_be_written_in_other_ways(string line, uint port)
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket program = await DialAsync(line);
        WirePacket request = await guest.ReceiveAsync(Op.Request);
        Assert.Equal(port, request.DestinationPort);
        guest.Send(Op.Response, port, request.SourcePort);
        string rest = line[(line.IndexOf('\n', StringComparison.Ordinal) + 1)..];
        if (rest.Length > 0) Assert.Equal(rest, (await guest.ReceiveAsync(Op.Rw)).Text);
    }

    [Theory]
    [InlineData("HELLO 80\n")]
    [InlineData("CONNECT\n")]
    [InlineData("CONNECT eighty\n")]
    [InlineData("CONNECT -1\n")]
    [InlineData("CONNECT 4294967296\n")]
    [InlineData("\n")]
    [InlineData("CONNECT 80                                                                                ")]
    public async Task A_line_that_makes_no_sense_closes_the_socket(string line)
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket program = await DialAsync(line);
        await AssertClosedAsync(program);
        Assert.Empty(guest.Receive());
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    public async Task A_guest_that_refuses_closes_the_socket_without_a_word()
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket program = await DialAsync("CONNECT 80\n");
        guest.Send(Op.Rst, 80, (await guest.ReceiveAsync(Op.Request)).SourcePort);
        await AssertClosedAsync(program);
    }

    [Fact]
    public async Task The_guest_connects_to_the_path_with_its_port()
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket listener = Listen(5000);
        guest.Send(Op.Request, 1, 5000);
        using Socket program = await listener.AcceptAsync(Stop);
        Assert.Equal(5000u, (await guest.ReceiveAsync(Op.Response)).SourcePort);
        guest.Send(Op.Rw, 1, 5000, "hello");
        Assert.Equal("hello", await ReadAsync(program, 5));
        await program.SendAsync("welcome"u8.ToArray(), Stop);
        Assert.Equal("welcome", (await guest.ReceiveAsync(Op.Rw)).Text);
        // The guest closes its sending half, and the program answers all the same.
        guest.Send(guest.Packet(Op.Shutdown, 1, 5000) with { Flags = 2 });
        Assert.Equal(0, await program.ReceiveAsync(new byte[1], Stop));
        await program.SendAsync("good bye"u8.ToArray(), Stop);
        Assert.Equal("good bye", (await guest.ReceiveAsync(Op.Rw)).Text);
    }

    [Fact]
    [Trait("Case", "V11")]
    public async Task Ports_where_nobody_listens_are_refused_thousands_of_times_without_a_trace()
    {
        await using VsockGuest guest = VsockGuest.Start(buffers: 16);
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        int handles = CountHandles();
        for (uint i = 0; i < 10_000; i++)
        {
            guest.Send(Op.Request, i, 6000);
            Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        }

        Assert.Equal(10_000, guest.Device.Counters.Refused);
        // A socket that nobody has behind it any more is refused too.
        (await Socat.ListenAsync($"UNIX-LISTEN:{SocketPath}_5000", "-")).Dispose();
        File.WriteAllBytes(SocketPath + "_5001", []);
        for (uint i = 0; i < 100; i++)
        {
            guest.Send(Op.Request, i, 5000 + (i % 2));
            Assert.Equal(Op.Rst, (await guest.ReceiveAsync(Op.Rst)).Op);
        }

        Assert.InRange(CountHandles(), 0, handles + 20);
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    public async Task A_program_that_vanishes_ends_the_connection()
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket listener = Listen(5000);
        guest.Send(Op.Request, 1, 5000);
        Socket program = await listener.AcceptAsync(Stop);
        await guest.ReceiveAsync(Op.Response);
        program.Dispose();
        Assert.Equal(3u, (await guest.ReceiveAsync(Op.Shutdown)).Flags);
        guest.Send(Op.Rst, 1, 5000);
        Assert.Equal(0, guest.Device.Counters.Connections);
    }

    [Fact]
    public async Task A_program_that_closed_its_half_and_then_vanishes_ends_the_connection_at_the_next_byte()
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket listener = Listen(5000);
        guest.Send(Op.Request, 1, 5000);
        Socket program = await listener.AcceptAsync(Stop);
        program.Shutdown(SocketShutdown.Send);
        Assert.Equal(2u, (await guest.ReceiveAsync(Op.Shutdown)).Flags);
        program.Dispose();
        guest.Send(Op.Rw, 1, 5000, "is anybody there?");
        Assert.Equal(3u, (await guest.ReceiveAsync(Op.Shutdown)).Flags);
    }

    [Fact]
    public async Task A_guest_that_vanishes_closes_the_socket()
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket listener = Listen(5000);
        guest.Send(Op.Request, 1, 5000);
        using Socket one = await listener.AcceptAsync(Stop);
        await guest.ReceiveAsync(Op.Response);
        guest.Send(Op.Request, 2, 5000);
        using Socket two = await listener.AcceptAsync(Stop);
        await guest.ReceiveAsync(Op.Response);
        guest.Send(Op.Rw, 1, 5000, "last words");
        guest.Send(Op.Rst, 1, 5000);
        Assert.Equal("last words", await ReadAsync(one, 10));
        await AssertClosedAsync(one);
        guest.Start(buffers: 8);
        await AssertClosedAsync(two);
    }

    [Fact]
    public async Task A_program_that_does_not_read_holds_the_guest_back()
    {
        await using VsockGuest guest = VsockGuest.Start(queueSize: 256);
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket listener = Listen(5000);
        guest.Send(Op.Request, 1, 5000);
        using Socket program = await listener.AcceptAsync(Stop);
        await guest.ReceiveAsync(Op.Response);
        // The guest sends as far as its credit goes. The socket takes a few hundred KiB, the device one buffer, then it is over.
        byte[] block = new byte[16_384];
        uint sent = 0;
        uint forwarded = 0;
        while (sent - forwarded <= 65_536 - block.Length)
        {
            RandomNumberGenerator.Fill(block.AsSpan(0, 8));
            guest.Send(new WirePacket(Op.Rw, 1, 5000, block));
            sent += (uint)block.Length;
            foreach (WirePacket packet in guest.Receive()) forwarded = packet.Forwarded;
            if (sent - forwarded <= 65_536 - block.Length || guest.Device.Counters.BytesFromGuest > (4 << 20)) continue;
            // Either the socket is still taking, and credit comes, or all is full.
            guest.Send(Op.CreditRequest, 1, 5000);
            forwarded = (await guest.ReceiveAsync(Op.CreditUpdate)).Forwarded;
        }

        Assert.InRange(sent, 65_536u, 4u << 20);
        byte[] buffer = new byte[65_536];
        for (uint read = 0; read < sent;) read += (uint)await program.ReceiveAsync(buffer, Stop);
        guest.Send(Op.CreditRequest, 1, 5000);
        Assert.True((await guest.ReceiveAsync(packets => packets.Any(one => one.Forwarded == sent))).Count > 0);
    }

    [Fact]
    public async Task Sequenced_packets_of_the_guest_are_those_of_the_host()
    {
        await using VsockGuest guest = VsockGuest.Start();
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket listener = Listen(5000, SocketType.Seqpacket);
        // A stream cannot be joined to such a socket.
        guest.Send(Op.Request, 1, 5000);
        Assert.Equal(Op.Rst, (await guest.ReceiveAsync(Op.Rst)).Op);
        guest.Send(guest.Packet(Op.Request, 1, 5000) with { Type = 2 });
        using Socket program = await listener.AcceptAsync(Stop);
        await guest.ReceiveAsync(Op.Response);
        guest.Send(guest.Packet(Op.Rw, 1, 5000, "one ") with { Type = 2 });
        guest.Send(guest.Packet(Op.Rw, 1, 5000, "message") with { Type = 2, Flags = 1 });
        guest.Send(guest.Packet(Op.Rw, 1, 5000, "two") with { Type = 2, Flags = 1 });
        byte[] buffer = new byte[100];
        Assert.Equal(11, await program.ReceiveAsync(buffer, Stop));
        Assert.Equal(3, await program.ReceiveAsync(buffer, Stop));
        await program.SendAsync(new byte[5000], Stop);
        await program.SendAsync(new byte[1], Stop);
        List<WirePacket> packets = await guest.ReceiveAsync(all => all.Count(one => one.Op == Op.Rw) == 3);
        Assert.Equal(
            [(4096, 0u), (904, 1u), (1, 1u)],
            packets.Where(one => one.Op == Op.Rw).Select(one => (one.Payload.Length, one.Flags)));
        // A message that the guest cannot hold ends the connection: half of it would be worse.
        guest.Send(guest.Packet(Op.CreditUpdate, 1, 5000) with { Type = 2, BufferBytes = 1000, Forwarded = 5001 });
        await program.SendAsync(new byte[1001], Stop);
        Assert.Equal(3u, (await guest.ReceiveAsync(Op.Shutdown)).Flags);
    }

    [Fact]
    public async Task A_path_that_is_taken_is_refused_and_a_leftover_is_replaced()
    {
        VsockDevice device = new();
        await using (UnixVsockBackend backend = UnixVsockBackend.Open(device, SocketPath))
        {
            Assert.Same(backend, device.Backend);
            Assert.Throws<IOException>(() => UnixVsockBackend.Open(new(), SocketPath));
        }

        Assert.False(File.Exists(SocketPath));
        Assert.Null(device.Backend);
        // A process that was killed leaves its socket behind.
        (await Socat.ListenAsync($"UNIX-LISTEN:{SocketPath}", "-")).Dispose();
        Assert.True(File.Exists(SocketPath));
        string regular = Path.Combine(folder.FullName, "empty");
        File.WriteAllBytes(regular, []);
        Assert.Throws<IOException>(() => UnixVsockBackend.Open(device, regular));
        Assert.True(File.Exists(regular));
        Assert.Throws<ArgumentException>(() => UnixVsockBackend.Open(device, new string('x', 97)));
        Assert.Throws<IOException>(() => UnixVsockBackend.Open(device, Path.Combine(folder.FullName, "no", "folder")));
        await using UnixVsockBackend again = UnixVsockBackend.Open(device, SocketPath);
    }

    [Fact]
    public async Task Disposing_of_the_backend_ends_its_connections_and_removes_the_socket()
    {
        await using VsockGuest guest = VsockGuest.Start();
        UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socket listener = Listen(5000);
        guest.Send(Op.Request, 1, 5000);
        using Socket program = await listener.AcceptAsync(Stop);
        await guest.ReceiveAsync(Op.Response);
        using Socket waiting = await DialAsync("CONNE");
        await backend.DisposeAsync();
        Assert.False(File.Exists(SocketPath));
        await AssertClosedAsync(program);
        await AssertClosedAsync(waiting);
        Assert.Equal(3u, (await guest.ReceiveAsync(Op.Shutdown)).Flags);
        guest.Send(Op.Request, 2, 5000);
        Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
    }

    [Fact]
    public async Task Socat_dials_a_port_of_the_guest_as_it_would_with_Firecracker()
    {
        await using VsockGuest guest = VsockGuest.Start(transport: new() { Scheduling = DeviceScheduling.Pooled }, queueSize: 128);
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socat socat = Socat.Start("-", $"UNIX-CONNECT:{SocketPath}");
        await socat.Input.WriteAsync("CONNECT 1234\n"u8.ToArray(), Stop);
        await socat.Input.FlushAsync(Stop);
        WirePacket request = await guest.ReceiveAsync(Op.Request);
        guest.Send(Op.Response, 1234, request.SourcePort);
        byte[] line = new byte[$"OK {request.SourcePort}\n".Length];
        await socat.Output.ReadExactlyAsync(line, Stop);
        Assert.Equal($"OK {request.SourcePort}\n", Encoding.ASCII.GetString(line));

        byte[] sent = RandomNumberGenerator.GetBytes(1 << 20);
        Task write = WriteAndCloseAsync(socat.Input, sent);
        List<byte> received = [];
        while (received.Count < sent.Length)
        {
            foreach (WirePacket packet in await guest.ReceiveAsync(all => all.Any(one => one.Op == Op.Rw))) received.AddRange(packet.Payload);
            guest.Send(guest.Packet(Op.CreditUpdate, 1234, request.SourcePort) with { Forwarded = (uint)received.Count });
        }

        await write;
        Assert.Equal(SHA256.HashData(sent), SHA256.HashData([.. received]));
    }

    [Fact]
    public async Task An_echo_by_socat_gives_back_what_the_guest_sends()
    {
        await using VsockGuest guest = VsockGuest.Start(transport: new() { Scheduling = DeviceScheduling.Pooled }, queueSize: 128);
        await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, SocketPath);
        using Socat socat = await Socat.ListenAsync($"UNIX-LISTEN:{SocketPath}_7,fork", "EXEC:cat");
        guest.Send(Op.Request, 1, 7);
        await guest.ReceiveAsync(Op.Response);
        byte[] sent = RandomNumberGenerator.GetBytes(1 << 20);
        List<byte> received = [];
        uint at = 0;
        uint forwarded = 0;
        while (received.Count < sent.Length)
        {
            while (at < sent.Length && at - forwarded <= 61_440)
            {
                byte[] piece = sent.AsSpan((int)at, (int)Math.Min(4096, sent.Length - at)).ToArray();
                guest.Send(new WirePacket(Op.Rw, 1, 7, piece) { Forwarded = (uint)received.Count });
                at += (uint)piece.Length;
            }

            foreach (WirePacket packet in await guest.ReceiveAsync(all => all.Count > 0))
            {
                Assert.NotEqual(Op.Rst, packet.Op);
                received.AddRange(packet.Payload);
                forwarded = packet.Forwarded;
            }

            guest.Send(guest.Packet(Op.CreditUpdate, 1, 7) with { Forwarded = (uint)received.Count });
        }

        Assert.Equal(SHA256.HashData(sent), SHA256.HashData([.. received]));
        guest.Send(guest.Packet(Op.Shutdown, 1, 7) with { Flags = 2 });
        // cat ends, socat ends, and so does the connection.
        Assert.True((await guest.ReceiveAsync(Op.Shutdown)).Flags >= 2);
    }

    private static async Task WriteAndCloseAsync(Stream stream, byte[] bytes)
    {
        await stream.WriteAsync(bytes, Stop);
        await stream.DisposeAsync();
    }

    private static async Task<string> ReadAsync(Socket socket, int count)
    {
        byte[] buffer = new byte[count];
        int read = 0;
        while (read < count)
        {
            int now = await socket.ReceiveAsync(buffer.AsMemory(read), Stop);
            Assert.NotEqual(0, now);
            read += now;
        }

        return Encoding.ASCII.GetString(buffer);
    }

    private static async Task AssertClosedAsync(Socket socket)
    {
        try
        {
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1], Stop));
        }
        catch (SocketException error)
        {
            Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
        }
    }

    private static int CountHandles() => Directory.GetFiles("/proc/self/fd").Length;

    private async Task<Socket> DialAsync(string line)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), Stop);
        await socket.SendAsync(Encoding.ASCII.GetBytes(line), Stop);
        return socket;
    }

    private Socket Listen(int port, SocketType type = SocketType.Stream)
    {
        Socket socket = new(AddressFamily.Unix, type, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint($"{SocketPath}_{port}"));
        socket.Listen();
        return socket;
    }
}
