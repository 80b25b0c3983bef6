using Microsoft.Extensions.Logging;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

/// <summary>A guest's driver that speaks vsock packet by packet; nothing is answered unless a test says so.</summary>
internal sealed class VsockGuest : IGic, IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim interrupts = new(0);
    private readonly int bufferBytes;
    private DriverQueue rx;

    private VsockGuest(
        VsockDevice device, ulong features, int buffers, int bufferBytes, int queueSize, TransportOptions? transport,
        ILogger? logger)
    {
        Device = device;
        this.bufferBytes = bufferBytes;
        GuestMemory memory = new(new GuestRegion(0x8000_0000, new byte[64 << 20]));
        Transport = new(device, memory, new IrqLine(this, new Slot(0).Interrupt), transport, logger);
        Driver = new(Transport, memory);
        Features = features;
        QueueSize = queueSize;
        rx = Tx = Events = null!;
        Start(buffers);
    }

    public VsockDevice Device { get; }

    public GuestDriver Driver { get; }

    public VirtioMmioTransport Transport { get; }

    public DriverQueue Tx { get; private set; }

    public DriverQueue Events { get; private set; }

    public ulong Cid { get; set; } = 3;

    private ulong Features { get; }

    private int QueueSize { get; }

    public static VsockGuest Start(
        VsockOptions? options = null,
        ulong features = ulong.MaxValue,
        int buffers = 32,
        int bufferBytes = 4096 + 44,
        int queueSize = 64,
        TransportOptions? transport = null,
        ILogger? logger = null) =>
        new(new(options), features, buffers, bufferBytes, queueSize, transport, logger);

    /// <summary>Resets the device and starts it again.</summary>
    public void Start(int buffers)
    {
        Driver.Start(Features, QueueSize);
        rx = Driver.Queues[0];
        Tx = Driver.Queues[1];
        Events = Driver.Queues[2];
        Post(buffers);
    }

    /// <summary>Lends receive buffers.</summary>
    public void Post(int count, int? bytes = null)
    {
        for (int i = 0; i < count; i++) rx.Add([], [bytes ?? bufferBytes]);
        rx.Kick();
    }

    public void Send(WirePacket packet) => Submit([packet.Header(), packet.Payload]);

    public void Submit(params byte[][] segments)
    {
        Tx.Submit(segments.Where(segment => segment.Length > 0));
        Tx.Reap();
    }

    public WirePacket Packet(Op op, uint guestPort, uint hostPort, string payload = "") =>
        new(op, guestPort, hostPort, System.Text.Encoding.ASCII.GetBytes(payload)) { SourceCid = Cid };

    public void Send(Op op, uint guestPort, uint hostPort, string payload = "") =>
        Send(Packet(op, guestPort, hostPort, payload));

    /// <summary>Takes what the device has sent and lends the buffers again.</summary>
    public List<WirePacket> Receive(bool repost = true)
    {
        List<WirePacket> packets = [];
        List<UsedBuffer> used;
        while ((used = rx.Reap()).Count > 0)
        {
            foreach (UsedBuffer buffer in used)
            {
                if (buffer.Length == 0) continue;
                WirePacket packet = WirePacket.Parse(buffer.Written);
                // A buffer is used to the length of its packet, and every packet says what the device's buffer is.
                Assert.Equal(44 + packet.Length, buffer.Length);
                Assert.True(packet.BufferBytes > 0);
                packets.Add(packet);
            }

            if (!repost) break;
            Post(used.Count);
        }

        return packets;
    }

    /// <summary>The only packet that the device has sent.</summary>
    public WirePacket ReceiveOne() => Assert.Single(Receive());

    /// <summary>Connects to a port of the host on which somebody listens.</summary>
    public async Task<VsockStream> ConnectAsync(
        VsockListener listener, uint guestPort = 1000, uint bufferBytes = 262_144, CancellationToken cancel = default)
    {
        Send(Packet(Op.Request, guestPort, listener.Port) with { BufferBytes = bufferBytes, Type = (ushort)listener.Type });
        WirePacket answer = ReceiveOne();
        Assert.Equal(Op.Response, answer.Op);
        Assert.Equal((listener.Port, guestPort), (answer.SourcePort, answer.DestinationPort));
        return await listener.AcceptAsync(cancel);
    }

    /// <summary>Takes what the device sends until there is enough of it; what comes from other threads interrupts.</summary>
    public async Task<List<WirePacket>> ReceiveAsync(Func<List<WirePacket>, bool> enough)
    {
        List<WirePacket> packets = Receive();
        while (!enough(packets))
        {
            Assert.True(
                await interrupts.WaitAsync(Patience, TestContext.Current.CancellationToken),
                $"After {string.Join(", ", packets.Select(packet => packet.Op))} nothing came.");
            Tx.Reap();
            packets.AddRange(Receive());
        }

        return packets;
    }

    public async Task<WirePacket> ReceiveAsync(Op op) => (await ReceiveAsync(packets => packets.Any(one => one.Op == op))).First(one => one.Op == op);

    public void PulseSpi(IntId id) => interrupts.Release();

    public void SetSpiLevel(IntId id, bool asserted)
    {
    }

    public async ValueTask DisposeAsync() => await Transport.DisposeAsync();
}
