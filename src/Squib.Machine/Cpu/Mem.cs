using System.Runtime.CompilerServices;
using Squib.Machine.Cpu.Instructions;
using static Squib.Machine.Cpu.Instructions.Values;

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
    // current exception level may access in that way; whatever changes a translation clears the line. What hits a line
    // stays within its page.
    private const ulong PageMask = ~0xffful;

    /// <summary>Loads a byte.</summary>
    internal static bool Load8(CpuState* s, Op* op, ulong va, out ulong value) => Load<Byte8>(s, op, va, out value);

    /// <summary>Loads 16 bits.</summary>
    internal static bool Load16(CpuState* s, Op* op, ulong va, out ulong value) => Load<Half16>(s, op, va, out value);

    /// <summary>Loads 32 bits.</summary>
    internal static bool Load32(CpuState* s, Op* op, ulong va, out ulong value) => Load<Word32>(s, op, va, out value);

    /// <summary>Loads 64 bits.</summary>
    internal static bool Load64(CpuState* s, Op* op, ulong va, out ulong value) => Load<Double64>(s, op, va, out value);

    /// <summary>Stores the low byte of a value.</summary>
    internal static bool Store8(CpuState* s, Op* op, ulong va, ulong value) => Store<Byte8>(s, op, va, value);

    /// <summary>Stores the low 16 bits of a value.</summary>
    internal static bool Store16(CpuState* s, Op* op, ulong va, ulong value) => Store<Half16>(s, op, va, value);

    /// <summary>Stores the low 32 bits of a value.</summary>
    internal static bool Store32(CpuState* s, Op* op, ulong va, ulong value) => Store<Word32>(s, op, va, value);

    /// <summary>Stores 64 bits.</summary>
    internal static bool Store64(CpuState* s, Op* op, ulong va, ulong value) => Store<Double64>(s, op, va, value);

    /// <summary>Loads an unsigned value.</summary>
    /// <typeparam name="TValue">Its width.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Load<TValue>(CpuState* s, Op* op, ulong va, out ulong value)
        where TValue : struct, IValue
    {
        TlbEntry* line = Line(s->ReadTlb, va);
        if (Hits(line, va, TValue.Size))
        {
            value = TValue.Read((byte*)(va + line->Addend));
            return true;
        }

        bool loaded = MemSlow.Load(s, op, va, TValue.Size);
        value = s->Loaded;
        return loaded;
    }

    /// <summary>Stores the low bytes of a value.</summary>
    /// <typeparam name="TValue">How many.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Store<TValue>(CpuState* s, Op* op, ulong va, ulong value)
        where TValue : struct, IValue
    {
        TlbEntry* line = Line(s->WriteTlb, va);
        if (!Hits(line, va, TValue.Size)) return MemSlow.Store(s, op, va, value, TValue.Size);
        TValue.Write((byte*)(va + line->Addend), value);
        return true;
    }

    /// <summary>Loads two times 64 bits, one after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Load128(CpuState* s, Op* op, ulong va, out ulong low, out ulong high)
    {
        TlbEntry* line = Line(s->ReadTlb, va);
        if (Hits(line, va, 16))
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
        if (!Hits(line, va, 16)) return MemSlow.Store128(s, op, va, low, high);
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
    internal static bool Probe(CpuState* s, Op* op, ulong va, int size, bool write) =>
        Hits(Line(write ? s->WriteTlb : s->ReadTlb, va), va, size) || MemSlow.Probe(s, op, va, size, write);

    /// <summary>The line of a look-aside table in which the page of an address would be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TlbEntry* Line(TlbEntry* table, ulong va) =>
        (TlbEntry*)((byte*)table + ((va >> 8) & ((TlbEntry.Lines - 1) << 4)));

    /// <summary>Whether a line holds the page in which all bytes of a range lie.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Hits(TlbEntry* line, ulong va, int size) => line->Tag == ((va + (uint)(size - 1)) & PageMask);
}
