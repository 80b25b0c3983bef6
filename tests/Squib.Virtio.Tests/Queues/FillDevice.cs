using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Queues;

/// <summary>A device that fills all it may write: with a copy of what it may read, then with 0xE5.</summary>
internal sealed class FillDevice(params ushort[] queueSizes) : IVirtioDevice
{
    private long requests;
    private int runs;

    public const byte Filler = 0xe5;

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features { get; init; }

    public IReadOnlyList<ushort> QueueSizes => queueSizes;

    public ConfigSpace Config { get; init; } = new(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);

    /// <summary>The number of chains that the device saw.</summary>
    public long Requests => Interlocked.Read(ref requests);

    /// <summary>The number of times the device was activated.</summary>
    public int Runs => Volatile.Read(ref runs);

    /// <summary>What is done with a chain before it is returned.</summary>
    public Action<DescriptorChain> Serve { get; set; } = Fill;

    public Task RunAsync(DriverSession session, CancellationToken reset)
    {
        Interlocked.Increment(ref runs);
        return session.RunAllAsync([.. session.Queues.Select(ServeAsync)]);
    }

    public static void Fill(DescriptorChain chain)
    {
        while (!chain.Readable.First.IsEmpty && !chain.Writable.First.IsEmpty)
        {
            int here = Math.Min(chain.Readable.First.Length, chain.Writable.First.Length);
            chain.Readable.First[..here].CopyTo(chain.Writable.First);
            chain.Readable.Advance(here);
            chain.Writable.Advance(here);
        }

        while (!chain.Writable.First.IsEmpty)
        {
            chain.Writable.First.Fill(Filler);
            chain.Writable.Advance(chain.Writable.First.Length);
        }
    }

    private async Task ServeAsync(Virtqueue queue)
    {
        while (await queue.WaitAsync().ConfigureAwait(false))
        {
            using QueueBatch batch = queue.BeginBatch();
            while (batch.TryTake(out DescriptorChain? chain))
            {
                Interlocked.Increment(ref requests);
                Serve(chain);
                batch.Return(chain);
            }
        }
    }
}
