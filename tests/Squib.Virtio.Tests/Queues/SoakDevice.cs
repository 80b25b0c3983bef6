using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Queues;

/// <summary>
/// A device that serves some chains at once and keeps others for a while; what it does depends on its seed alone.
/// </summary>
internal sealed class SoakDevice(int seed, int keep, params ushort[] queueSizes) : IVirtioDevice
{
    private readonly Random random = new(seed);
    private readonly List<DescriptorChain> kept = [];
    private Virtqueue? served;

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes => queueSizes;

    public ConfigSpace Config { get; } = new(new byte[8]);

    public int Kept => kept.Count;

    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        served = session.Queues[0];
        while (await served.WaitAsync().ConfigureAwait(false)) ServeBatch();
    }

    /// <summary>Completes some or all of what is kept, in any order.</summary>
    public void CompleteSome(bool all)
    {
        int count = all ? kept.Count : random.Next(kept.Count + 1);
        for (; count > 0; count--)
        {
            int at = random.Next(kept.Count);
            DescriptorChain chain = kept[at];
            kept[at] = kept[^1];
            kept.RemoveAt(kept.Count - 1);
            FillDevice.Fill(chain);
            served!.Return(chain);
        }
    }

    private void ServeBatch()
    {
        using QueueBatch batch = served!.BeginBatch(random.Next(1, 300));
        while (batch.TryTake(out DescriptorChain? chain))
        {
            if (kept.Count < keep && random.Next(4) == 0)
            {
                kept.Add(chain);
                continue;
            }

            FillDevice.Fill(chain);
            batch.Return(chain);
        }
    }
}
