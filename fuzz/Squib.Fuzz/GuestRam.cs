using System.Buffers.Binary;
using Squib.Fuzz.Engine;
using Squib.Virtio.Memory;

namespace Squib.Fuzz;

/// <summary>
/// The memory of a guest: two regions side by side and one that is read-only, with guard bytes between them on the host and a copy
/// that shows what has changed.
/// </summary>
internal sealed class GuestRam
{
    internal const ulong Start = 0x8000_0000;
    internal const ulong RomStart = 0x9000_0000;
    internal const int NextBytes = 512;

    /// <summary>So large that a chain can have more than 2^32 bytes; it is never written, so the host has none of it.</summary>
    internal const int RomBytes = 64 << 20;

    private const int Guard = 256;
    private const byte Canary = 0xc7;

    private readonly byte[] host;
    private readonly byte[] copy;
    private readonly byte[] rom = new byte[RomBytes];
    private readonly int length;

    internal GuestRam(int bytes)
    {
        length = bytes;
        host = new byte[(3 * Guard) + bytes + NextBytes];
        host.AsSpan().Fill(Canary);
        copy = new byte[host.Length];
        Memory = new(
            new GuestRegion(Start, host.AsMemory(Guard, bytes)),
            new GuestRegion(Next, host.AsMemory(NextAt, NextBytes)),
            new GuestRegion(RomStart, rom, readOnly: true));
        Clear();
    }

    internal GuestMemory Memory { get; }

    /// <summary>Where the second region begins, right behind the first.</summary>
    internal ulong Next => Start + (ulong)length;

    /// <summary>Where memory that can be written ends.</summary>
    internal ulong End => Next + NextBytes;

    private int NextAt => (2 * Guard) + length;

    internal void Clear()
    {
        host.AsSpan(Guard, length).Clear();
        host.AsSpan(NextAt, NextBytes).Clear();
    }

    internal Span<byte> Main(ulong address, int bytes) => host.AsSpan(Guard + (int)(address - Start), bytes);

    internal ushort Load16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(Main(address, 2));

    /// <summary>Writes as the driver, who may: the copy knows of it.</summary>
    internal void Store16(ulong address, ushort value)
    {
        Span<byte> bytes = Main(address, 2);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        bytes.CopyTo(copy.AsSpan(Guard + (int)(address - Start)));
    }

    /// <summary>Writes as the driver, who may: the copy knows of it.</summary>
    internal void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (Memory.TryWrite(address, bytes)) Allow(address, (ulong)bytes.Length);
    }

    /// <summary>Whether all of a range is memory, and memory that can be written if it shall be.</summary>
    internal bool Holds(ulong address, ulong bytes, bool writable)
    {
        if (bytes == 0) return true;
        if (address >= Start && address < End) return bytes <= End - address;
        return !writable && address >= RomStart && address - RomStart < RomBytes && bytes <= RomBytes - (address - RomStart);
    }

    /// <summary>Remembers all bytes.</summary>
    internal void Remember() => host.CopyTo(copy, 0);

    /// <summary>Lets a range be what it has become; what is not writable memory of it stays forbidden.</summary>
    internal void Allow(ulong address, ulong bytes)
    {
        if (bytes == 0 || address >= End || address + bytes <= Start || address + bytes < address) return;
        ulong from = Math.Max(address, Start);
        ulong to = Math.Min(address + bytes, End);
        if (from < Next) AllowHost(Guard + (int)(from - Start), (int)(Math.Min(to, Next) - from));
        if (to > Next) AllowHost(NextAt + (int)(Math.Max(from, Next) - Next), (int)(to - Math.Max(from, Next)));
    }

    /// <summary>Fails if a byte is another than it was and was not allowed to be.</summary>
    internal void CheckUnchanged()
    {
        int same = host.AsSpan().CommonPrefixLength(copy);
        if (same == host.Length) return;
        ulong address = same < NextAt ? Start + (ulong)(same - Guard) : Next + (ulong)(same - NextAt);
        throw new FindingException($"The byte at 0x{address:x} has changed, which was not lent for writing.");
    }

    /// <summary>Fails if a guard byte or the read-only memory was written.</summary>
    internal void CheckBounds()
    {
        bool intact = !host.AsSpan(0, Guard).ContainsAnyExcept(Canary) && !host.AsSpan(Guard + length, Guard).ContainsAnyExcept(Canary)
            && !host.AsSpan(NextAt + NextBytes).ContainsAnyExcept(Canary);
        FindingException.ThrowIf(!intact, "A byte beside the guest's memory was written.");
        FindingException.ThrowIf(rom.AsSpan(0, 4096).ContainsAnyExcept((byte)0), "Read-only memory was written.");
    }

    private void AllowHost(int at, int bytes) => host.AsSpan(at, bytes).CopyTo(copy.AsSpan(at));
}
