namespace Squib.Virtio.Queues;

/// <summary>How much of the device's work one chain and one turn may ask for.</summary>
internal static class ChainLimits
{
    /// <summary>
    /// The most descriptors of an indirect table where the queue is smaller than that. Linux makes tables longer than the queue
    /// although the specification forbids it (2.7.5.3.1); other implementations allow the same number.
    /// </summary>
    internal const int IndirectDescriptors = 1024;

    /// <summary>The most chains taken in one batch, so that results are published soon.</summary>
    internal const int ChainsPerBatch = 256;
}
