using System.Buffers.Binary;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Balloon;

/// <summary>The loop of the inflate or the deflate queue: buffers of page numbers, of any length.</summary>
internal sealed class BalloonPageQueue
{
    /// <summary>The most page numbers that are taken from one buffer, 4 GiB of memory; Linux sends 256.</summary>
    internal const int MaxPagesPerBuffer = 1 << 20;

    private const int SlicePages = 1024;
    private const int TurnPages = 8192;

    private readonly Virtqueue queue;
    private readonly GuestMemory memory;
    private readonly BalloonPages pages;
    private readonly bool inflates;
    private readonly CancellationToken reset;
    private byte[] bytes = [];
    private uint[] numbers = [];
    private int budget;
    private int taken;

    internal BalloonPageQueue(
        Virtqueue queue, GuestMemory memory, BalloonPages pages, bool inflates, CancellationToken reset)
    {
        this.queue = queue;
        this.memory = memory;
        this.pages = pages;
        this.inflates = inflates;
        this.reset = reset;
    }

    internal async Task RunAsync()
    {
        while (await queue.WaitAsync().ConfigureAwait(false))
        {
            budget = TurnPages;
            DescriptorChain? unfinished = ServeBatch();
            while (budget <= 0)
            {
                // A million page numbers must not keep the vCPU that has sent them: go on elsewhere, a slice at a time.
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                budget = TurnPages;
                if (unfinished is null || !Serve(unfinished)) continue;
                queue.Return(unfinished);
                unfinished = null;
            }
        }
    }

    /// <summary>Serves buffers while the turn lasts.</summary>
    /// <returns>The buffer that is not finished, if there is one.</returns>
    private DescriptorChain? ServeBatch()
    {
        using QueueBatch batch = queue.BeginBatch();
        while (budget > 0 && batch.TryTake(out DescriptorChain? chain))
        {
            taken = 0;
            if (!Serve(chain)) return chain;
            batch.Return(chain);
        }

        return null;
    }

    /// <summary>Goes on with a buffer; a remainder of 1 to 3 bytes is no page number.</summary>
    /// <returns>Whether it is finished.</returns>
    private bool Serve(DescriptorChain chain)
    {
        ReadableSegments source = chain.Readable;
        while (source.Length >= sizeof(uint) && !reset.IsCancellationRequested)
        {
            if (taken == MaxPagesPerBuffer)
            {
                pages.CountInvalid(source.Length / sizeof(uint));
                return true;
            }

            if (budget <= 0) return false;
            ServeSlice(source, (int)Math.Min(SlicePages, source.Length / sizeof(uint)));
        }

        return true;
    }

    private void ServeSlice(ReadableSegments source, int count)
    {
        if (numbers.Length < count) (bytes, numbers) = (new byte[SlicePages * sizeof(uint)], new uint[SlicePages]);
        source.TryRead(bytes.AsSpan(0, count * sizeof(uint)));
        for (int i = 0; i < count; i++)
            numbers[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(i * sizeof(uint)));
        if (inflates) pages.Inflate(memory, numbers.AsSpan(0, count));
        else pages.Deflate(memory, numbers.AsSpan(0, count));
        budget -= count;
        taken += count;
    }
}
