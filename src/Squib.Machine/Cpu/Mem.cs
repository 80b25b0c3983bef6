using System.Runtime.CompilerServices;

namespace Squib.Machine.Cpu;

/// <summary>The accesses of handlers to guest memory.</summary>
/// <remarks>
/// All return whether the access succeeded; if not, the guest's exception has been taken already and the handler
/// answers with <see cref="CpuState.Next"/>. Unaligned accesses work, also across pages. The look-up compares the page
/// of the last byte with the line of the first, so what crosses a page never hits.
/// </remarks>
internal static unsafe class Mem
{
    // SAFETY: a line of a look-aside table is filled only with pages that lie whole in pinned guest RAM and that the
    // current exception level may access in that way; whatever changes a translation clears the line. An access stays
    // within the page.
    private const ulong PageMask = ~0xffful;

    /// <summary>Loads a byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Load8(CpuState* s, Op* op, ulong va, out ulong value)
    {
        TlbEntry* line = Line(s->ReadTlb, va);
        if (line->Tag == (va & PageMask))
        {
            value = *(byte*)(va + line->Addend);
            return true;
        }

        bool loaded = MemSlow.Load(s, op, va, 1);
        value = s->Loaded;
        return loaded;
    }

    /// <summary>Loads 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Load16(CpuState* s, Op* op, ulong va, out ulong value)
    {
        TlbEntry* line = Line(s->ReadTlb, va);
        if (line->Tag == ((va + 1) & PageMask))
        {
            value = *(ushort*)(va + line->Addend);
            return true;
        }

        bool loaded = MemSlow.Load(s, op, va, 2);
        value = s->Loaded;
        return loaded;
    }

    /// <summary>Loads 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Load32(CpuState* s, Op* op, ulong va, out ulong value)
    {
        TlbEntry* line = Line(s->ReadTlb, va);
        if (line->Tag == ((va + 3) & PageMask))
        {
            value = *(uint*)(va + line->Addend);
            return true;
        }

        bool loaded = MemSlow.Load(s, op, va, 4);
        value = s->Loaded;
        return loaded;
    }

    /// <summary>Loads 64 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Load64(CpuState* s, Op* op, ulong va, out ulong value)
    {
        TlbEntry* line = Line(s->ReadTlb, va);
        if (line->Tag == ((va + 7) & PageMask))
        {
            value = *(ulong*)(va + line->Addend);
            return true;
        }

        bool loaded = MemSlow.Load(s, op, va, 8);
        value = s->Loaded;
        return loaded;
    }

    /// <summary>Stores the low byte of a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Store8(CpuState* s, Op* op, ulong va, ulong value)
    {
        TlbEntry* line = Line(s->WriteTlb, va);
        if (line->Tag != (va & PageMask)) return MemSlow.Store(s, op, va, value, 1);
        *(byte*)(va + line->Addend) = (byte)value;
        return true;
    }

    /// <summary>Stores the low 16 bits of a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Store16(CpuState* s, Op* op, ulong va, ulong value)
    {
        TlbEntry* line = Line(s->WriteTlb, va);
        if (line->Tag != ((va + 1) & PageMask)) return MemSlow.Store(s, op, va, value, 2);
        *(ushort*)(va + line->Addend) = (ushort)value;
        return true;
    }

    /// <summary>Stores the low 32 bits of a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Store32(CpuState* s, Op* op, ulong va, ulong value)
    {
        TlbEntry* line = Line(s->WriteTlb, va);
        if (line->Tag != ((va + 3) & PageMask)) return MemSlow.Store(s, op, va, value, 4);
        *(uint*)(va + line->Addend) = (uint)value;
        return true;
    }

    /// <summary>Stores 64 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Store64(CpuState* s, Op* op, ulong va, ulong value)
    {
        TlbEntry* line = Line(s->WriteTlb, va);
        if (line->Tag != ((va + 7) & PageMask)) return MemSlow.Store(s, op, va, value, 8);
        *(ulong*)(va + line->Addend) = value;
        return true;
    }

    /// <summary>Loads two times 64 bits, one after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Load128(CpuState* s, Op* op, ulong va, out ulong low, out ulong high)
    {
        TlbEntry* line = Line(s->ReadTlb, va);
        if (line->Tag == ((va + 15) & PageMask))
        {
            var host = (ulong*)(va + line->Addend);
            low = host[0];
            high = host[1];
            return true;
        }

        bool loaded = MemSlow.Load128(s, op, va);
        low = s->LoadedLow;
        high = s->Loaded;
        return loaded;
    }

    /// <summary>Stores two times 64 bits, one after the other; either both or none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Store128(CpuState* s, Op* op, ulong va, ulong low, ulong high)
    {
        TlbEntry* line = Line(s->WriteTlb, va);
        if (line->Tag != ((va + 15) & PageMask)) return MemSlow.Store128(s, op, va, low, high);
        var host = (ulong*)(va + line->Addend);
        host[0] = low;
        host[1] = high;
        return true;
    }

    /// <summary>Finds out whether all bytes of a range may be accessed, without accessing them.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address of the first byte.</param>
    /// <param name="size">The number of bytes, 1 to 4096.</param>
    /// <param name="write">Whether they are to be written.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Probe(CpuState* s, Op* op, ulong va, int size, bool write)
    {
        TlbEntry* line = Line(write ? s->WriteTlb : s->ReadTlb, va);
        return line->Tag == ((va + (uint)size - 1) & PageMask) || MemSlow.Probe(s, op, va, size, write);
    }

    /// <summary>The line of a look-aside table in which the page of an address would be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TlbEntry* Line(TlbEntry* table, ulong va) =>
        (TlbEntry*)((byte*)table + ((va >> 8) & ((TlbEntry.Lines - 1) << 4)));
}
