using Squib.Virtio.Devices.Block;
using Squib.Virtio.Tests.Devices.Block;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

internal sealed class BlockVictim : Victim
{
    private readonly BlockDevice device = new(new SpyBlockBackend(65_536));

    public override IVirtioDevice Device => device;

    public override Ask Ask(HostileBench bench, int queue, ulong at)
    {
        bench.Write(at, BlockGuest.Header(BlockGuest.In, 1));
        return new(513, 513, Raw.In(at, 16), Raw.Out(at + 16, 512), Raw.Out(at + 528, 1));
    }
}
