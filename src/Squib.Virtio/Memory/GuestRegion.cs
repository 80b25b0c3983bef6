using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Squib.Virtio.Memory;

/// <summary>One contiguous piece of guest memory: a base address and the host memory behind it.</summary>
/// <remarks>
/// The host memory stays its owner's (an array, a mapped file, anonymous pages); the region only borrows it. It must begin at
/// an address that is a multiple of 8, so that ring fields are read and written whole; arrays and mappings do.
/// </remarks>
public sealed class GuestRegion
{
    private readonly byte[]? array;
    private readonly MemoryManager<byte>? manager;

    // The guest-physical address that the first byte of the array or of the manager's span would have.
    private readonly ulong origin;

    /// <summary>Describes a region.</summary>
    /// <param name="start">The guest-physical address of its first byte, a multiple of 8.</param>
    /// <param name="memory">The host memory, not empty.</param>
    /// <param name="readOnly">Whether devices may only read it (ROM).</param>
    /// <exception cref="ArgumentException">The memory is empty, the start unaligned, or the region runs past 2^64.</exception>
    public GuestRegion(ulong start, Memory<byte> memory, bool readOnly = false)
    {
        if (memory.IsEmpty) throw new ArgumentException("A region of guest memory cannot be empty.", nameof(memory));
        if (start % 8 != 0) throw new ArgumentException($"0x{start:x} is not a multiple of 8.", nameof(start));
        if ((ulong)memory.Length - 1 > ulong.MaxValue - start)
            throw new ArgumentException($"0x{memory.Length:x} bytes at 0x{start:x} run past 2^64.", nameof(memory));
        Start = start;
        Memory = memory;
        Length = memory.Length;
        ReadOnly = readOnly;
        int from;
        if (MemoryMarshal.TryGetArray(memory, out ArraySegment<byte> segment)) (array, from) = (segment.Array, segment.Offset);
        else if (!MemoryMarshal.TryGetMemoryManager<byte, MemoryManager<byte>>(memory, out manager, out from, out _))
            throw new ArgumentException("The memory is neither an array nor owned by a MemoryManager.", nameof(memory));
        origin = start - (uint)from;
    }

    /// <summary>The guest-physical address of the first byte.</summary>
    public ulong Start { get; }

    /// <summary>The host memory.</summary>
    public Memory<byte> Memory { get; }

    /// <summary>The length in bytes.</summary>
    public int Length { get; }

    /// <summary>Whether devices may only read it.</summary>
    public bool ReadOnly { get; }

    /// <summary>The bytes from an offset on.</summary>
    /// <param name="offset">The distance from the start of the region, in bytes.</param>
    /// <param name="length">The number of bytes.</param>
    public Span<byte> Slice(int offset, int length) => At(Start + (uint)offset, length);

    /// <summary>The bytes from a guest-physical address on; the caller knows that they lie in the region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Span<byte> At(ulong address, int length)
    {
        int from = (int)(address - origin);
        return array is not null ? new Span<byte>(array, from, length) : manager!.GetSpan().Slice(from, length);
    }
}
