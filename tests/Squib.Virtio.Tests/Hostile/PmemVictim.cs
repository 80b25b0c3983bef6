using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Tests.Devices.Pmem;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

internal sealed class PmemVictim : Victim
{
    private readonly PmemDevice device = new(new SpyPmemBackend(), new() { Address = 0x2_0000_0000, Length = 2 << 20 });

    public override IVirtioDevice Device => device;

    public override Ask Ask(HostileBench bench, int queue, ulong at)
    {
        bench.Write(at, new byte[4]);
        return new(4, 4, Raw.In(at, 4), Raw.Out(at + 4, 4));
    }
}
