using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Queues;

/// <summary>A device that does with each batch of each queue, or with each chain, what a test says.</summary>
internal sealed class LoopDevice(LoopDevice.ServeAll serveAll, params ushort[] queueSizes) : IVirtioDevice
{
    public LoopDevice(Serve serve, params ushort[] queueSizes)
        : this(
            (ref batch) =>
            {
                while (batch.TryTake(out DescriptorChain? chain)) serve(ref batch, chain);
            },
            queueSizes)
    {
    }

    public delegate void ServeAll(ref QueueBatch batch);

    public delegate void Serve(ref QueueBatch batch, DescriptorChain chain);

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes => queueSizes;

    public ConfigSpace Config { get; } = new(new byte[8]);

    /// <summary>The most chains of a batch that the device asks for.</summary>
    public int BatchSize { get; init; } = int.MaxValue;

    public async Task RunAsync(DriverSession session, CancellationToken reset) =>
        await session.RunAllAsync([.. session.Queues.Select(ServeAsync)]).ConfigureAwait(false);

    private async Task ServeAsync(Virtqueue queue)
    {
        while (await queue.WaitAsync().ConfigureAwait(false)) ServeBatch(queue);
    }

    private void ServeBatch(Virtqueue queue)
    {
        QueueBatch batch = queue.BeginBatch(BatchSize);
        try
        {
            serveAll(ref batch);
        }
        finally
        {
            batch.Dispose();
        }
    }
}
