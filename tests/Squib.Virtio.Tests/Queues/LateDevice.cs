using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Queues;

/// <summary>A device that returns each chain to the batch in which it has the next one, be it the same or a later one.</summary>
internal sealed class LateDevice(params ushort[] queueSizes) : IVirtioDevice
{
    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes => queueSizes;

    public ConfigSpace Config { get; } = new(new byte[8]);

    /// <summary>The chain that waits for its successor.</summary>
    public DescriptorChain? Kept { get; set; }

    public async Task RunAsync(DriverSession session, CancellationToken reset) =>
        await session.RunAllAsync([.. session.Queues.Select(ServeAsync)]).ConfigureAwait(false);

    private async Task ServeAsync(Virtqueue queue)
    {
        while (await queue.WaitAsync().ConfigureAwait(false)) ServeBatch(queue);
    }

    private void ServeBatch(Virtqueue queue)
    {
        QueueBatch batch = queue.BeginBatch();
        try
        {
            // Before this batch has taken anything.
            DescriptorChain? old = Kept;
            Kept = null;
            if (old is not null) batch.Return(old);
            while (batch.TryTake(out DescriptorChain? chain))
            {
                FillDevice.Fill(chain);
                if (Kept is not null) batch.Return(Kept);
                Kept = chain;
            }
        }
        finally
        {
            batch.Dispose();
        }
    }
}
