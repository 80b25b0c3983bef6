using Squib.Virtio.Queues;
using Squib.Virtio.Tests.Queues;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>One way in which a ring or a chain can be wrong, or odd.</summary>
/// <param name="Case">Its id in the list of hostile cases.</param>
/// <param name="Name">What is wrong.</param>
/// <param name="Formats">The formats that can be wrong in this way.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Fault">The reason under which a chain is counted that is dropped.</param>
/// <param name="Offer">Puts it into the ring.</param>
internal sealed record Shape(
    string Case, string Name, RingFormat[] Formats, Fate Fate, ChainFault Fault, Action<HostileBench> Offer)
{
    /// <summary>Whether no other chain has room beside it.</summary>
    public bool FillsRing { get; init; }

    /// <summary>Whether it is so much work that a device may go on on another thread, so that no two runs are alike.</summary>
    public bool IsLong { get; init; }

    /// <summary>Whether INDIRECT_DESC is negotiated.</summary>
    public bool Indirect { get; init; } = true;

    /// <summary>What the driver does after the kick.</summary>
    public Action<HostileBench>? After { get; init; }
}
