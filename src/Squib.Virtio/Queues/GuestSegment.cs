using System.Runtime.CompilerServices;

namespace Squib.Virtio.Queues;

/// <summary>A piece of a buffer that lies in one region of guest memory.</summary>
public readonly struct GuestSegment
{
    internal GuestSegment(ulong address, int length, int region)
    {
        Address = address;
        Length = length;
        Region = region;
    }

    /// <summary>The guest-physical address of the first byte.</summary>
    public ulong Address { get; }

    /// <summary>The number of bytes, not zero.</summary>
    public int Length { get; }

    /// <summary>The index of the region in <see cref="Memory.GuestMemory.Regions"/>.</summary>
    internal int Region { get; }

    /// <summary>What is left of it behind its first bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal GuestSegment From(int bytes) => new(Address + (uint)bytes, Length - bytes, Region);
}
