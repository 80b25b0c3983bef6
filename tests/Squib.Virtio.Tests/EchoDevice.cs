using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests;

/// <summary>A device that copies what it may read to where it may write.</summary>
internal sealed class EchoDevice(params ushort[] queueSizes) : IVirtioDevice
{
    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes => queueSizes;

    public ConfigSpace Config { get; } = new(new byte[16]);

    public Task RunAsync(DriverSession session, CancellationToken reset) =>
        session.RunAllAsync([.. session.Queues.Select(ServeAsync)]);

    private static async Task ServeAsync(Virtqueue queue)
    {
        while (await queue.WaitAsync())
        {
            using QueueBatch batch = queue.BeginBatch();
            while (batch.TryTake(out DescriptorChain? chain))
            {
                while (!chain.Readable.First.IsEmpty && !chain.Writable.First.IsEmpty)
                {
                    ReadOnlySpan<byte> from = chain.Readable.First;
                    from = from[..Math.Min(from.Length, chain.Writable.First.Length)];
                    chain.Readable.Advance(from.Length);
                    chain.Writable.TryWrite(from);
                }

                batch.Return(chain);
            }
        }
    }
}
