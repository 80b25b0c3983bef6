using Squib.Virtio.Devices.Net;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>A network interface whose frames come back.</summary>
internal sealed class NetVictim : Victim
{
    private const int Receive = 0;
    private const int Transmit = 1;
    private const uint FrameBytes = NetHeader.Size + 60;

    private readonly NetDevice device = new(new LoopbackNetBackend(capacity: 160 << 10));

    public override IVirtioDevice Device => device;

    public override void Stimulate(HostileBench bench, int queue)
    {
        if (queue != Receive) return;
        WriteFrame(bench, HostileBench.Scratch + 0x800);
        bench.Exchange(Transmit, Raw.In(HostileBench.Scratch + 0x800, FrameBytes));
    }

    public override Ask Ask(HostileBench bench, int queue, ulong at)
    {
        if (queue == Receive) return new(1, FrameBytes, Raw.Out(at, 256));
        if (queue == Transmit)
        {
            WriteFrame(bench, at);
            return new(0, 0, Raw.In(at, FrameBytes));
        }

        // Promiscuous, on.
        bench.Write(at, [0, 0, 1]);
        return new(1, 1, Raw.In(at, 3), Raw.Out(at + 3, 1));
    }

    private static void WriteFrame(HostileBench bench, ulong at)
    {
        byte[] frame = new byte[FrameBytes];
        frame.AsSpan(NetHeader.Size, 6).Fill(0xff);
        bench.Write(at, frame);
    }
}
