using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Fuzz.Transport;

/// <summary>A device with all that a transport has to do with: queues, features, configuration, shared memory, and work that lasts.</summary>
internal sealed class PlainDevice : IVirtioDevice
{
    internal const int ConfigBytes = 24;

    /// <summary>What the driver may switch on together with the second feature only.</summary>
    internal const ulong Picky = 1 << 3;

    private TaskCompletionSource? lingering;

    internal PlainDevice()
    {
        Config.AllowWrites(4, 4, _ => ConfigWrites++);
        Config.AllowWrites(8, 12, _ => ConfigWrites++, () => IsRunning);
        Config.AnswerReads(20, 2, answer => answer.Fill(0x77));
    }

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => Picky | (1 << 5) | (1UL << 50);

    public IReadOnlyList<ushort> QueueSizes { get; } = [8, 1, 64];

    public ConfigSpace Config { get; } = new(new byte[ConfigBytes]);

    internal bool IsRunning { get; private set; }

    /// <summary>How the next session ends: 0 at the reset, 1 by itself, 2 in an exception, 3 later than the reset waits.</summary>
    internal int Ending { get; set; }

    internal long ConfigWrites { get; private set; }

    internal bool IsLingering => lingering is not null;

    public bool Accepts(ulong features) => (features & (Picky | (1 << 5))) != Picky;

    public SharedMemoryRegion? FindSharedMemory(uint id) => id == 2 ? new(0x1_2345_6000, 0x2_0000_1000) : null;

    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        int ending = Ending;
        IsRunning = true;
        try
        {
            await session.RunAllAsync([.. session.Queues.Select(queue => ServeAsync(queue, ending))]).ConfigureAwait(false);
            if (ending == 3)
            {
                lingering = new();
                await lingering.Task.ConfigureAwait(false);
            }
        }
        finally
        {
            IsRunning = false;
        }
    }

    /// <summary>Lets a session end that lasts.</summary>
    internal void Finish()
    {
        TaskCompletionSource? last = lingering;
        lingering = null;
        last?.SetResult();
    }

    private static async Task ServeAsync(Virtqueue queue, int ending)
    {
        while (await queue.WaitAsync().ConfigureAwait(false))
        {
            Serve(queue);
            if (ending == 1 && queue.Index == 1 && queue.ChainsTaken > 0) return;
            if (ending == 2 && queue.ChainsTaken > 1) throw new InvalidOperationException("The device has failed.");
        }
    }

    private static void Serve(Virtqueue queue)
    {
        using QueueBatch batch = queue.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            chain.Writable.TryWrite("fuzz"u8);
            batch.Return(chain);
        }
    }
}
