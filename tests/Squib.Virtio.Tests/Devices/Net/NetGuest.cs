using System.Buffers.Binary;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>The driver's side of a network card.</summary>
internal sealed class NetGuest
{
    internal const byte Ok = 0;
    internal const byte Error = 1;

    /// <summary>What buffers of a guest have room for, unless told otherwise: header and frame of the usual size.</summary>
    internal const int BufferBytes = 2048;

    internal NetGuest(
        INetBackend backend,
        NetOptions? options = null,
        ulong without = 0,
        TransportOptions? transport = null,
        GuestMemory? memory = null,
        int queueSize = 0,
        int buffers = 16,
        bool start = true)
    {
        options ??= new();
        Device = new(backend, options with { Mac = options.Mac ?? Frames.Own });
        Pairs = options.QueuePairs;
        (Driver, Transport, Gic) = GuestDriver.Attach(Device, transport, memory);
        if (start) Start(without, queueSize, buffers);
    }

    internal NetDevice Device { get; }

    internal GuestDriver Driver { get; }

    internal VirtioMmioTransport Transport { get; }

    internal RecordingGic Gic { get; }

    /// <summary>The number of pairs of queues that the device has.</summary>
    internal int Pairs { get; }

    internal DriverQueue Control => Driver.Queues[^1];

    /// <summary>The last status of the device: link and announcement.</summary>
    internal ushort Status => BinaryPrimitives.ReadUInt16LittleEndian(Driver.ReadConfig(6, 2));

    internal DriverQueue Rx(int pair = 0) => Driver.Queues[2 * pair];

    internal DriverQueue Tx(int pair = 0) => Driver.Queues[(2 * pair) + 1];

    internal void Start(ulong without = 0, int queueSize = 0, int buffers = 16)
    {
        Driver.Start(~without, queueSize);
        if (buffers > 0) Lend(buffers);
    }

    /// <summary>Lends the device buffers for frames.</summary>
    internal void Lend(int count, int bytes = BufferBytes, int pair = 0)
    {
        for (int i = 0; i < count; i++) Rx(pair).Add([], [bytes]);
        Rx(pair).Kick();
    }

    /// <summary>Lends buffers until the device has a number of them.</summary>
    internal void Refill(int count, int pair = 0) => Lend(Math.Max(0, count - Rx(pair).InFlight), pair: pair);

    /// <summary>Sends a frame in one piece behind its header.</summary>
    internal void Send(byte[] frame, NetHeader header = default, int pair = 0) => SendPieces([[.. Bytes(header), .. frame]], pair);

    /// <summary>Sends header and frame cut as told.</summary>
    internal void SendPieces(byte[][] pieces, int pair = 0)
    {
        ushort id = Tx(pair).Submit(pieces);
        UsedBuffer used = Assert.Single(Tx(pair).Reap());
        Assert.Equal((id, 0u), (used.Id, used.Length));
    }

    /// <summary>Takes what has been received.</summary>
    internal List<ReceivedFrame> Receive(int pair = 0)
    {
        List<ReceivedFrame> frames = [];
        Queue<UsedBuffer> used = new(Rx(pair).Reap());
        while (used.TryDequeue(out UsedBuffer? first))
        {
            if (first.Length == 0) continue;
            NetHeader header = NetHeader.Read(first.Written);
            List<UsedBuffer> all = [first];
            while (all.Count < header.Buffers) all.Add(used.Dequeue());
            byte[] bytes = [.. all.SelectMany(buffer => buffer.Written)];
            frames.Add(new(header, bytes[NetHeader.Size..], [.. all.Select(buffer => (int)buffer.Length)]));
        }

        return frames;
    }

    /// <summary>Takes the only frame that has been received.</summary>
    internal ReceivedFrame ReceiveOne(int pair = 0) => Assert.Single(Receive(pair));

    /// <summary>Takes the only frame that has been received, once there is one: a backend with a host behind it takes its time.</summary>
    internal async Task<ReceivedFrame> ReceiveOneAsync()
    {
        while (true)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            List<ReceivedFrame> frames = Receive();
            if (frames.Count > 0) return Assert.Single(frames);
            await Task.Yield();
        }
    }

    /// <summary>Gives a command and waits for the answer.</summary>
    internal byte Command(byte commandClass, byte command, params byte[] arguments)
    {
        Control.Submit([[commandClass, command], arguments], [1]);
        UsedBuffer used = Assert.Single(Control.Reap());
        Assert.Equal(1u, used.Length);
        return used.Written[0];
    }

    /// <summary>Replaces the addresses that the guest wants beside its own.</summary>
    internal byte SetTable(MacAddress[] unicast, MacAddress[] multicast) => Command(1, 0, [.. Table(unicast), .. Table(multicast)]);

    internal byte UsePairs(int count)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)count);
        return Command(4, 0, bytes);
    }

    internal byte UseOffloads(ulong features)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, features);
        return Command(5, 0, bytes);
    }

    /// <summary>Shows that the device still sends, receives and obeys.</summary>
    internal void AssertHealthy(SpyNetBackend backend)
    {
        Rx().Reap();
        Refill(4);
        int sent = backend.Sent.Count;
        Send(Frames.Ethernet(Frames.Peer, Frames.Own, 60));
        Assert.Equal(sent + 1, backend.Sent.Count);
        byte[] frame = Frames.Ethernet(Frames.Own, Frames.Peer, 77, seed: 5);
        backend.Arrive(frame);
        Assert.Equal(frame, ReceiveOne().Bytes);
        Assert.False(Driver.Status.HasFlag(DeviceStatus.NeedsReset));
    }

    internal static byte[] Bytes(NetHeader header)
    {
        byte[] bytes = new byte[NetHeader.Size];
        header.Write(bytes);
        return bytes;
    }

    internal static byte[] Table(MacAddress[] addresses)
    {
        byte[] bytes = new byte[4 + (6 * addresses.Length)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, addresses.Length);
        for (int i = 0; i < addresses.Length; i++) addresses[i].Write(bytes.AsSpan(4 + (6 * i)));
        return bytes;
    }
}
