using System.Buffers.Binary;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Tests.Devices.Mem;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

internal sealed class MemVictim : Victim
{
    private const ulong Address = 0x1_0000_0000;
    private const ushort State = 3;

    private readonly MemDevice device = new(
        new SpyMemBackend(2 << 20),
        new() { Address = Address, RegionBytes = 1L << 30, RequestedBytes = 256L << 20 });

    public override IVirtioDevice Device => device;

    public override Ask Ask(HostileBench bench, int queue, ulong at)
    {
        byte[] request = new byte[24];
        BinaryPrimitives.WriteUInt16LittleEndian(request, State);
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), Address);
        BinaryPrimitives.WriteUInt16LittleEndian(request.AsSpan(16), 1);
        bench.Write(at, request);
        return new(10, 10, Raw.In(at, 24), Raw.Out(at + 24, 10));
    }
}
