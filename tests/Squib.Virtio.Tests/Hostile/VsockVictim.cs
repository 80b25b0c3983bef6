using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Tests.Devices.Vsock;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

internal sealed class VsockVictim : Victim
{
    private const int Receive = 0;
    private const int Transmit = 1;
    private const int Events = 2;

    private readonly VsockDevice device = new();

    public override IVirtioDevice Device => device;

    public override void Stimulate(HostileBench bench, int queue)
    {
        if (queue == Events)
        {
            device.ResetTransport();
        }
        else if (queue == Receive)
        {
            // Nobody listens, so an answer is due.
            ulong at = HostileBench.Scratch + 0x800;
            bench.Write(at, new WirePacket(Op.Request, 1, 1, []).Header());
            bench.Exchange(Transmit, Raw.In(at, 44));
        }
    }

    public override Ask Ask(HostileBench bench, int queue, ulong at)
    {
        if (queue == Receive) return new(44, 44, Raw.Out(at, 64));
        if (queue == Events) return new(4, 4, Raw.Out(at, 8));
        bench.Write(at, new WirePacket(Op.Rst, 1, 1, []).Header());
        return new(0, 0, Raw.In(at, 44));
    }
}
