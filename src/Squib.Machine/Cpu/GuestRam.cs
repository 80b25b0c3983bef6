using System.Buffers;
using Squib.Virtio.Memory;

namespace Squib.Machine.Cpu;

/// <summary>The host's addresses of guest memory, which is pinned for as long as the CPU lives.</summary>
internal sealed unsafe class GuestRam : IDisposable
{
    // SAFETY: each region's memory is pinned here and unpinned when the CPU, whose tables point into it, is disposed
    // of.
    private readonly MemoryHandle[] pins;
    private readonly Piece[] pieces;

    /// <summary>Pins all regions.</summary>
    /// <param name="memory">The guest memory.</param>
    public GuestRam(GuestMemory memory)
    {
        pins = [.. memory.Regions.Select(region => region.Memory.Pin())];
        pieces = new Piece[pins.Length];
        for (int i = 0; i < pins.Length; i++)
        {
            GuestRegion region = memory.Regions[i];
            pieces[i] = new Piece(region.Start, (ulong)region.Length, (byte*)pins[i].Pointer, region.ReadOnly);
        }
    }

    /// <summary>Finds the host's address of a byte whose whole page is memory; null if it is not.</summary>
    /// <param name="physical">A guest-physical address.</param>
    public byte* Find(ulong physical) => Find(physical, out _);

    /// <summary>Finds the host's address of a byte whose whole page is memory; null if it is not.</summary>
    /// <param name="physical">A guest-physical address.</param>
    /// <param name="readOnly">Whether writes have no effect.</param>
    public byte* Find(ulong physical, out bool readOnly)
    {
        ulong page = physical & ~0xffful;
        foreach (ref readonly Piece piece in pieces.AsSpan())
        {
            ulong offset = page - piece.Start;
            if (offset >= piece.Length || piece.Length - offset < 0x1000) continue;
            readOnly = piece.ReadOnly;
            return piece.Host + (physical - piece.Start);
        }

        readOnly = false;
        return null;
    }

    /// <summary>Unpins the memory.</summary>
    public void Dispose()
    {
        foreach (ref MemoryHandle pin in pins.AsSpan()) pin.Dispose();
    }

    private readonly struct Piece(ulong start, ulong length, byte* host, bool readOnly)
    {
        public readonly ulong Start = start;
        public readonly ulong Length = length;
        public readonly byte* Host = host;
        public readonly bool ReadOnly = readOnly;
    }
}
