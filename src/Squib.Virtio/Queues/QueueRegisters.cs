using System.Numerics;
using Squib.Virtio.Memory;

namespace Squib.Virtio.Queues;

/// <summary>What the driver has written about a queue that is not running: its size and the addresses of its three areas.</summary>
/// <remarks>Virtio 1.2, 4.2.2. The values are checked when the driver says QueueReady, and are frozen from then on.</remarks>
internal sealed class QueueRegisters
{
    /// <summary>The largest ring of the specification (2.7, 2.8).</summary>
    internal const int MaxQueueSize = 32768;

    internal QueueRegisters(ushort maxSize)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxSize, MaxQueueSize);
        MaxSize = maxSize;
    }

    internal ushort MaxSize { get; }

    internal uint Size { get; set; }

    internal ulong DescriptorArea { get; set; }

    internal ulong DriverArea { get; set; }

    internal ulong DeviceArea { get; set; }

    internal void Reset()
    {
        Size = 0;
        DescriptorArea = 0;
        DriverArea = 0;
        DeviceArea = 0;
    }

    /// <summary>Makes the ring that the registers describe.</summary>
    /// <returns>The ring, or null if the size or an address cannot be used.</returns>
    internal IRing? TryCreateRing(GuestMemory memory, in RingFeatures features)
    {
        // Read once: another vCPU may write the register meanwhile.
        uint wanted = Size;
        if (wanted == 0 || wanted > MaxSize) return null;
        int size = (int)wanted;
        if (features.Packed) return PackedRing.TryCreate(this, memory, size, features);
        return BitOperations.IsPow2(size) ? SplitRing.TryCreate(this, memory, size, features) : null;
    }
}
