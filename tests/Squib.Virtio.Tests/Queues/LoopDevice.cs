using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Queues;

/// <summary>A device that does with each chain of each queue what a test says.</summary>
internal sealed class LoopDevice(LoopDevice.Serve serve, params ushort[] queueSizes) : IVirtioDevice
{
    public delegate void Serve(ref QueueBatch batch, DescriptorChain chain);

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes => queueSizes;

    public ConfigSpace Config { get; } = new(new byte[8]);

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
            while (batch.TryTake(out DescriptorChain? chain)) serve(ref batch, chain);
        }
        finally
        {
            batch.Dispose();
        }
    }
}
