using System.Runtime.CompilerServices;

namespace Squib.Machine.Cpu;

/// <summary>The program counter: where an instruction stands, and how to go elsewhere.</summary>
internal static unsafe class Pc
{
    // SAFETY: an executing Op lies in the page that CpuState.PageOps begins, except those of the code cache that stand
    // alone and are then the page themselves. Lines of the fetch table hold pages of the same cache.
    private const ulong TagMask = ~0xffcul;

    /// <summary>The virtual address of an instruction of the current page.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    internal static ulong Of(CpuState* s, Op* op) => s->PageVa + ((ulong)(op - s->PageOps) << 2);

    /// <summary>Notes that execution goes on elsewhere than behind an instruction, so that the loop can count.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction, which is executed or takes an exception.</param>
    /// <returns>The virtual address of the instruction.</returns>
    internal static ulong Leave(CpuState* s, Op* op)
    {
        s->LeftFrom = op;
        return Of(s, op);
    }

    /// <summary>Goes to an address; <see cref="Leave"/> or the like must have noted from where.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="va">The virtual address.</param>
    /// <returns>The instruction there, or the exception's first where there is none.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Op* Jump(CpuState* s, ulong va)
    {
        // The tag keeps bits 1 and 0, so that what is not aligned never hits.
        FetchEntry* line = Line(s->FetchTlb, va);
        ulong page = va & TagMask;
        if (line->Tag != page) return CodeCache.Fetch(s, va);
        Op* ops = line->Ops;
        s->PageVa = page;
        s->PageOps = ops;
        return ops + ((va >> 2) & 0x3ff);
    }

    /// <summary>The line of a fetch table in which the page of an address would be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static FetchEntry* Line(FetchEntry* table, ulong va) =>
        (FetchEntry*)((byte*)table + ((va >> 8) & ((FetchEntry.Lines - 1) << 4)));
}
