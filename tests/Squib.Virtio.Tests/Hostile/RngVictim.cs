using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

internal sealed class RngVictim : Victim
{
    private readonly RngDevice device = new(new() { Source = static bytes => bytes.Fill(0x5a) });

    public override IVirtioDevice Device => device;

    public override Ask Ask(HostileBench bench, int queue, ulong at) => new(16, 16, Raw.Out(at, 16));
}
