using System.Runtime.InteropServices;
using Squib.Virtio.Devices.Balloon;

namespace Squib.Virtio.Host;

/// <summary>
/// Anonymous host memory for a guest's RAM: zero at first, backed by pages only where it was touched.
/// </summary>
/// <remarks>
/// On Linux one private mapping without a swap reservation, whose pages <see cref="TryDiscard"/> can give back;
/// elsewhere memory of the C library, for which discarding means writing zeroes. Do not dispose it while anything uses
/// a piece.
/// </remarks>
public sealed class MappedMemory : IMemoryReclaimer, IDisposable
{
    /// <summary>The longest piece, in bytes: 1 GiB, because a <see cref="Memory{T}"/> ends below 2 GiB.</summary>
    public const int MaxPieceBytes = 1 << 30;

    private const int FallbackAlignment = 1 << 16;

    private readonly nint address;
    private readonly bool mapped;
    private readonly NativePages[] pages;
    private bool disposed;

    /// <summary>Sets memory aside.</summary>
    /// <param name="bytes">How much, a multiple of 4096.</param>
    /// <param name="portable">Whether to do without the system calls of Linux even there.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is not a positive multiple of 4096.</exception>
    /// <exception cref="InsufficientMemoryException">The host does not have so much.</exception>
    public MappedMemory(long bytes, bool portable = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        if (bytes % 4096 != 0) throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "Not a multiple of 4096.");
        Length = bytes;
        mapped = OperatingSystem.IsLinux() && !portable;
        address = mapped ? Map(bytes) : Allocate(bytes);
        pages = [.. Split(address, bytes)];
        Pieces = [.. pages.Select(page => page.Memory)];
    }

    /// <summary>The length in bytes.</summary>
    public long Length { get; }

    /// <summary>The size of a page of the host, in bytes.</summary>
    public int PageBytes => Environment.SystemPageSize;

    /// <summary>
    /// The memory in order, as pieces of <see cref="MaxPieceBytes"/> of which the last may be shorter.
    /// </summary>
    public IReadOnlyList<Memory<byte>> Pieces { get; }

    /// <summary>Gives the pages of a range back to the host; they read as zero afterwards.</summary>
    /// <param name="offset">The first byte, a multiple of the host's page size.</param>
    /// <param name="length">The number of bytes, a multiple of the host's page size.</param>
    /// <returns>
    /// Whether the host took them back; if not, the bytes are zero all the same or, where unaligned, unchanged.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in this memory.</exception>
    public bool TryDiscard(long offset, long length)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        if (length == 0) return true;
        if (mapped) return Libc.Advise(address + (nint)offset, (nuint)length, Libc.MadviseDontNeed) == 0;
        Clear(address + (nint)offset, length);
        return false;
    }

    /// <summary>Returns the memory to the host; a later use of a piece throws.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        foreach (NativePages page in pages) page.Forget();
        if (mapped) _ = Libc.Unmap(address, (nuint)Length);
        else Free(address);
    }

    private static IEnumerable<NativePages> Split(nint address, long bytes)
    {
        for (long at = 0; at < bytes; at += MaxPieceBytes)
            yield return new(address + (nint)at, (int)Math.Min(MaxPieceBytes, bytes - at));
    }

    private static nint Map(long bytes)
    {
        const int Flags = Libc.MapPrivate | Libc.MapAnonymous | Libc.MapNoReserve;
        nint address = Libc.Map(0, (nuint)bytes, Libc.ProtRead | Libc.ProtWrite, Flags, -1, 0);
        if (address == -1) throw NotEnough(bytes, Marshal.GetLastPInvokeErrorMessage());

        // A guest touches most of its RAM, and the emulated CPU reaches it by random addresses: fewer, larger pages
        // cost fewer faults and TLB misses. A host without huge pages refuses, which changes nothing.
        _ = Libc.Advise(address, (nuint)bytes, Libc.MadviseHugePage);
        return address;
    }

    // SAFETY: the block is freed once, in Dispose, and never handed out but through NativePages.
    private static unsafe nint Allocate(long bytes)
    {
        try
        {
            void* block = NativeMemory.AlignedAlloc((nuint)bytes, FallbackAlignment);
            Clear((nint)block, bytes);
            return (nint)block;
        }
        catch (OutOfMemoryException error)
        {
            throw NotEnough(bytes, error.Message);
        }
    }

    // SAFETY: callers pass ranges inside the block only.
    private static unsafe void Clear(nint address, long bytes) => NativeMemory.Clear((void*)address, (nuint)bytes);

    // SAFETY: see Allocate.
    private static unsafe void Free(nint address) => NativeMemory.AlignedFree((void*)address);

    private static InsufficientMemoryException NotEnough(long bytes, string why) =>
        new($"The host does not give {bytes >> 20} MiB of memory: {why}.");
}
