namespace Squib.Virtio.Queues;

/// <summary>What a queue tells the transport.</summary>
internal interface IQueueEvents
{
    /// <summary>The driver wants to be interrupted for buffers that were used.</summary>
    void BuffersUsed();

    /// <summary>A ring cannot be trusted any more.</summary>
    void RingBroken(Virtqueue queue, ChainFault fault);
}
