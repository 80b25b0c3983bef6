using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Limits;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices.Block;
using Squib.Virtio.Tests.Devices.Pmem;
using Squib.Virtio.Tests.Devices.Vsock;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Limits;

/// <summary>A device with a limiter, a driver that keeps it busy, and what has passed so far.</summary>
internal sealed class LimitedRig
{
    private const int Depth = 24;

    // More than a test moves: a host that waits for room goes on when its threads do, not in the test's time.
    private const int Plenty = 16 << 20;

    private const uint GuestPort = 1000;
    private const uint HostPort = 5000;

    private LimitedRig(IVirtioDevice device, Action<RateLimiter?> setLimiter, Func<(long Requests, long Bytes)> moved)
    {
        (Driver, Transport, _) = GuestDriver.Attach(device);
        SetLimiter = setLimiter;
        Moved = moved;
        Driver.Start();
    }

    internal GuestDriver Driver { get; }

    internal VirtioMmioTransport Transport { get; }

    internal Action<RateLimiter?> SetLimiter { get; }

    internal Func<(long Requests, long Bytes)> Moved { get; }

    internal SteadyLoad Load { get; private set; } = null!;

    internal static LimitedRig Create(LimitedCase way, RateLimiter limiter) => way switch
    {
        LimitedCase.BlockRead => CreateBlock(limiter, BlockGuest.In, [], [4096, 1]),
        LimitedCase.BlockWrite => CreateBlock(limiter, BlockGuest.Out, [new byte[4096]], [1]),
        LimitedCase.BlockZero => CreateBlock(limiter, BlockGuest.WriteZeroes, [BlockGuest.Range(0, 8)], [1]),
        LimitedCase.NetSend or LimitedCase.NetReceive => CreateNet(way, limiter),
        LimitedCase.VsockToHost or LimitedCase.VsockToGuest => CreateVsock(way, limiter),
        LimitedCase.Rng => CreateRng(limiter),
        LimitedCase.ConsoleOutput or LimitedCase.ConsoleInput => CreateConsole(way, limiter),
        _ => CreatePmem(limiter),
    };

    private LimitedRig With(int queue, byte[][] readable, int[] writable)
    {
        Load = new(Driver.Queues[queue], Depth, readable, writable);
        return this;
    }

    private static LimitedRig CreateBlock(RateLimiter limiter, uint type, byte[][] readable, int[] writable)
    {
        BlockDevice device = new(new MemoryBlockBackend(new byte[1 << 20]), new() { Limiter = limiter });
        LimitedRig rig = new(device, next => device.Limiter = next, () =>
        {
            BlockCounters counters = device.Counters;
            long requests = counters.Reads + counters.Writes + counters.WriteZeroes;
            return (requests, counters.BytesRead + counters.BytesWritten + (counters.WriteZeroes * 4096));
        });
        return rig.With(0, [BlockGuest.Header(type, 0), .. readable], writable);
    }

    private static LimitedRig CreateNet(LimitedCase way, RateLimiter limiter)
    {
        const int HeaderBytes = 12;
        NetDevice device;
        if (way == LimitedCase.NetSend)
        {
            device = new(new LoopbackNetBackend(), new() { TransmitLimiter = limiter, MergeBuffers = false });
            byte[] frame = new byte[HeaderBytes + EndlessNetBackend.FrameBytes];
            // To somebody else: the device does not hear itself.
            frame[HeaderBytes] = 2;
            LimitedRig sender = new(device, next => device.TransmitLimiter = next,
                () => (device.Counters.FramesSent, device.Counters.BytesSent));
            return sender.With(1, [frame], []);
        }

        device = new(new EndlessNetBackend(), new() { ReceiveLimiter = limiter });
        LimitedRig receiver = new(device, next => device.ReceiveLimiter = next,
            () => (device.Counters.FramesReceived, device.Counters.BytesReceived));
        return receiver.With(0, [], [2048]);
    }

    private static LimitedRig CreateVsock(LimitedCase way, RateLimiter limiter)
    {
        VsockDevice device = new(new() { Limiter = limiter, BufferBytes = Plenty });
        VsockListener listener = device.Listen(HostPort);
        LimitedRig rig = new(device, next => device.Limiter = next, () =>
        {
            VsockCounters counters = device.Counters;
            return (counters.PacketsFromGuest + counters.PacketsToGuest, counters.BytesFromGuest + counters.BytesToGuest);
        });
        DriverQueue rx = rig.Driver.Queues[0];
        for (int i = 0; i < Depth; i++) rx.Add([], [1044]);
        rx.Kick();
        WirePacket request = new(Op.Request, GuestPort, HostPort, []) { BufferBytes = 1 << 30 };
        rig.Driver.Queues[1].Submit([request.Header()]);
        ValueTask<VsockStream> accepting = listener.AcceptAsync();
        VsockStream stream = accepting.AsTask().GetAwaiter().GetResult();
        if (way == LimitedCase.VsockToGuest)
        {
            _ = stream.WriteAsync(new byte[Plenty]);
            return rig.With(0, [], [1044]);
        }

        WirePacket data = new(Op.Rw, GuestPort, HostPort, new byte[1000]) { BufferBytes = 1 << 30 };
        return rig.With(1, [data.Header(), data.Payload], []);
    }

    private static LimitedRig CreateRng(RateLimiter limiter)
    {
        RngDevice device = new(new() { Limiter = limiter, Source = static bytes => bytes.Clear() });
        return new LimitedRig(device, next => device.Limiter = next, () => (device.Requests, device.Bytes)).With(0, [], [1000]);
    }

    private static LimitedRig CreateConsole(LimitedCase way, RateLimiter limiter)
    {
        ConsoleDevice device = new(Stream.Null, new() { Limiter = limiter, InputBufferBytes = Plenty });
        LimitedRig rig = new(device, next => device.Limiter = next, () => (0, device.Primary.OutputBytes + device.Primary.InputBytes));
        if (way == LimitedCase.ConsoleOutput) return rig.With(1, [new byte[1000]], []);
        device.WriteInputAsync(new byte[Plenty]).AsTask().GetAwaiter().GetResult();
        return rig.With(0, [], [1000]);
    }

    private static LimitedRig CreatePmem(RateLimiter limiter)
    {
        PmemDevice device = new(
            new SpyPmemBackend(), new() { Address = 0x1_0000_0000, Length = PmemOptions.Alignment, Limiter = limiter });
        return new LimitedRig(device, next => device.Limiter = next, () => (device.Counters.Requests, 0)).With(0, [new byte[4]], [4]);
    }
}
