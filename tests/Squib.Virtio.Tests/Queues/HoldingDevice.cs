using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Queues;

/// <summary>
/// A device whose requests stay with its backend until the test completes them, in any order and on any thread.
/// </summary>
internal sealed class HoldingDevice(params ushort[] queueSizes) : IVirtioDevice
{
    private readonly Lock gate = new();
    private readonly List<(Virtqueue Queue, DescriptorChain Chain)> held = [];

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes => queueSizes;

    public ConfigSpace Config { get; } = new(new byte[8]);

    /// <summary>Whether the device ignores the end of the session and never comes back until it is told to.</summary>
    public TaskCompletionSource? Hang { get; set; }

    /// <summary>What is done with a chain when it is taken.</summary>
    public Action<DescriptorChain>? Taken { get; set; }

    public int HeldCount
    {
        get
        {
            lock (gate) return held.Count;
        }
    }

    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        await session.RunAllAsync([.. session.Queues.Select(TakeAllAsync)]).ConfigureAwait(false);
        if (Hang is { } hang) await hang.Task.ConfigureAwait(false);
    }

    public List<(Virtqueue Queue, DescriptorChain Chain)> TakeHeld()
    {
        lock (gate)
        {
            List<(Virtqueue Queue, DescriptorChain Chain)> all = [.. held];
            held.Clear();
            return all;
        }
    }

    /// <summary>Completes one held request, the one at a position in the order in which they were taken.</summary>
    public void Complete(int at)
    {
        (Virtqueue queue, DescriptorChain chain) entry;
        lock (gate)
        {
            entry = held[at];
            held.RemoveAt(at);
        }

        FillDevice.Fill(entry.chain);
        entry.queue.Return(entry.chain);
    }

    public void CompleteAll()
    {
        foreach ((Virtqueue queue, DescriptorChain chain) in TakeHeld())
        {
            FillDevice.Fill(chain);
            queue.Return(chain);
        }
    }

    private async Task TakeAllAsync(Virtqueue queue)
    {
        while (await queue.WaitAsync().ConfigureAwait(false))
        {
            using QueueBatch batch = queue.BeginBatch();
            while (batch.TryTake(out DescriptorChain? chain))
            {
                Taken?.Invoke(chain);
                lock (gate) held.Add((queue, chain));
            }
        }
    }
}
