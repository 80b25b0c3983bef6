using System.Buffers.Binary;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Tests.Devices;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

internal sealed class BalloonVictim : Victim
{
    private const int Statistics = 2;
    private const int Hints = 3;
    private const int Reports = 4;

    // Pages of the first region; what the host does with its copy does not show in the guest here.
    private readonly BalloonDevice device =
        new([new(HostileBench.R0, new SpyReclaimer(new byte[HostileBench.R0Length]))]);

    public override IVirtioDevice Device => device;

    public override void Begin(HostileBench bench) => _ = device.StartHinting();

    public override void Stimulate(HostileBench bench, int queue)
    {
        // The buffer with the statistics goes back when somebody asks for new ones.
        if (queue == Statistics) _ = device.ReadStatisticsAsync();
    }

    public override Ask Ask(HostileBench bench, int queue, ulong at)
    {
        if (queue >= Hints)
        {
            Raw page = Raw.Out(HostileBench.R0 + 0x1_f000, 4096);
            return queue == Reports ? new(0, 0, page) : new(0, 0, Raw.In(at, 4), page);
        }

        byte[] page1 = new byte[10];
        BinaryPrimitives.WriteUInt32LittleEndian(page1, (uint)(HostileBench.R0 >> 12));
        bench.Write(at, page1);
        return new(0, 0, Raw.In(at, queue == Statistics ? 10u : 4));
    }
}
