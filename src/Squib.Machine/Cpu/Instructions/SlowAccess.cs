using System.Runtime.CompilerServices;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>Loads and stores of general-purpose registers that the look-aside tables do not serve.</summary>
/// <remarks>Handlers end in a jump to these, so that they need not save anything for the time of a call.</remarks>
internal static unsafe class SlowAccess
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Loads a register.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="after">What the base register is to be afterwards.</param>
    /// <param name="form">The width and extension, as <see cref="IValue.Form"/> has it.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static Op* Load(CpuState* s, Op* op, ulong va, ulong after, int form)
    {
        if (!StackCheck.Passes(s, op) || !MemSlow.Load(s, op, va, form & 0xf)) return s->Next;
        s->X[op->Rn] = after;
        s->X[op->Rd] = Extend(s->Loaded, form);
        return op + 1;
    }

    /// <summary>Stores a register.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="after">What the base register is to be afterwards.</param>
    /// <param name="size">The number of bytes.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static Op* Store(CpuState* s, Op* op, ulong va, ulong after, int size)
    {
        if (!StackCheck.Passes(s, op) || !MemSlow.Store(s, op, va, s->X[op->Rd], size)) return s->Next;
        s->X[op->Rn] = after;
        return op + 1;
    }

    /// <summary>Loads two registers.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="after">What the base register is to be afterwards.</param>
    /// <param name="form">The width and extension of each, as <see cref="IValue.Form"/> has it.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static Op* LoadPair(CpuState* s, Op* op, ulong va, ulong after, int form)
    {
        int size = form & 0xf;
        if (!StackCheck.Passes(s, op) || !MemSlow.Load(s, op, va, size)) return s->Next;
        ulong first = s->Loaded;
        if (!MemSlow.Load(s, op, va + (uint)size, size)) return s->Next;
        s->X[op->Rn] = after;
        s->X[op->Rd] = Extend(first, form);
        s->X[op->Ra] = Extend(s->Loaded, form);
        return op + 1;
    }

    /// <summary>Stores two registers; either both or none.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="after">What the base register is to be afterwards.</param>
    /// <param name="size">The number of bytes of each.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static Op* StorePair(CpuState* s, Op* op, ulong va, ulong after, int size)
    {
        if (!StackCheck.Passes(s, op)
            || !MemSlow.Probe(s, op, va, 2 * size, write: true)
            || !MemSlow.Store(s, op, va, s->X[op->Rd], size)
            || !MemSlow.Store(s, op, va + (uint)size, s->X[op->Ra], size)) return s->Next;
        s->X[op->Rn] = after;
        return op + 1;
    }

    private static ulong Extend(ulong value, int form)
    {
        if ((form & IValue.Signed) == 0) return value;
        int unused = 64 - (8 * (form & 0xf));
        value = (ulong)((long)(value << unused) >> unused);
        return (form & IValue.Narrow) != 0 ? (uint)value : value;
    }
}
