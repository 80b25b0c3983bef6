namespace Squib.Virtio.Queues;

/// <summary>A place in a packed ring, and which lap of the ring it belongs to.</summary>
internal struct PackedPosition
{
    internal int Slot;

    /// <summary>The flags AVAIL and USED that an available descriptor has in this lap.</summary>
    internal ushort Phase;
}
