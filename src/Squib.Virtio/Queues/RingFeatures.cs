using Squib.Virtio.Transport;

namespace Squib.Virtio.Queues;

/// <summary>The negotiated features that change how rings work.</summary>
internal readonly record struct RingFeatures(bool Packed, bool EventIndex, bool Indirect, bool InOrder)
{
    internal static RingFeatures From(ulong features) => new(
        (features & VirtioFeature.RingPacked) != 0,
        (features & VirtioFeature.EventIndex) != 0,
        (features & VirtioFeature.IndirectDescriptors) != 0,
        (features & VirtioFeature.InOrder) != 0);
}
