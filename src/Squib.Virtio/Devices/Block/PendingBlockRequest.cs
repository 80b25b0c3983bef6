using System.Runtime.CompilerServices;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Block;

/// <summary>A request that its backend has not completed yet: it answers the driver when the backend does.</summary>
/// <remarks>The object serves again for other requests of its queue, so that a request allocates nothing.</remarks>
internal sealed class PendingBlockRequest
{
    private readonly BlockQueue owner;
    private readonly Action completed;
    private ConfiguredValueTaskAwaitable<BlockStatus>.ConfiguredValueTaskAwaiter awaiter;
    private DescriptorChain? chain;
    private BlockImage? image;
    private BlockRequestType type;
    private long begun;

    internal PendingBlockRequest(BlockQueue owner)
    {
        this.owner = owner;
        completed = Complete;
    }

    /// <summary>The next object in the list of free ones.</summary>
    internal PendingBlockRequest? Next { get; set; }

    internal void Start(
        ValueTask<BlockStatus> pending, BlockRequestType type, DescriptorChain chain, BlockImage image, long begun)
    {
        this.begun = begun;
        this.chain = chain;
        this.image = image;
        this.type = type;
        awaiter = pending.ConfigureAwait(false).GetAwaiter();
        // Last: the backend may be done by now and complete at once, on another thread.
        awaiter.UnsafeOnCompleted(completed);
    }

    private void Complete()
    {
        // A backend that completes a request twice may not give its buffer back twice, nor that of the next request too early.
        if (chain is null || !awaiter.IsCompleted) return;
        BlockStatus status;
        Exception? error = null;
        try
        {
            status = awaiter.GetResult();
        }
        catch (Exception thrown)
        {
            // What a backend throws is its own; the driver is told that the request failed, and the device lives on.
            (status, error) = (BlockStatus.IoError, thrown);
        }

        DescriptorChain done = chain!;
        BlockImage used = image!;
        BlockRequestType served = type;
        long started = begun;
        awaiter = default;
        chain = null;
        image = null;
        owner.Recycle(this);
        owner.Answer(done, served, status, started, error, wasAsked: true);
        used.Release();
        owner.Return(done);
    }
}
