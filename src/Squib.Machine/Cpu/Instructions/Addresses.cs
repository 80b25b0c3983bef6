using System.Runtime.CompilerServices;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>An addressing mode.</summary>
internal unsafe interface IAddress
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Works the address out.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    static abstract ulong Of(CpuState* s, Op* op);

    /// <summary>Writes the base register back where the mode does; after the access has succeeded.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The address of the access.</param>
    static abstract void WriteBack(CpuState* s, Op* op, ulong va);
}

/// <summary>Base plus immediate.</summary>
internal unsafe struct Offset : IAddress
{
    /// <inheritdoc/>
    public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn] + op->Immediate;

    /// <inheritdoc/>
    public static void WriteBack(CpuState* s, Op* op, ulong va)
    {
    }
}

/// <summary>Base plus immediate, written back before the access.</summary>
internal unsafe struct PreIndexed : IAddress
{
    /// <inheritdoc/>
    public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn] + op->Immediate;

    /// <inheritdoc/>
    public static void WriteBack(CpuState* s, Op* op, ulong va) => s->X[op->Rn] = va;
}

/// <summary>Base; base plus immediate is written back after the access.</summary>
internal unsafe struct PostIndexed : IAddress
{
    /// <inheritdoc/>
    public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn];

    /// <inheritdoc/>
    public static void WriteBack(CpuState* s, Op* op, ulong va) => s->X[op->Rn] = va + op->Immediate;
}

/// <summary>Base plus register, shifted left by the immediate.</summary>
internal unsafe struct RegisterOffset : IAddress
{
    /// <inheritdoc/>
    public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn] + (s->X[op->Rm] << (int)op->Immediate);

    /// <inheritdoc/>
    public static void WriteBack(CpuState* s, Op* op, ulong va)
    {
    }
}

/// <summary>Base plus the low word of a register, zero-extended and shifted left by the immediate.</summary>
internal unsafe struct UnsignedWordOffset : IAddress
{
    /// <inheritdoc/>
    public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn] + ((ulong)(uint)s->X[op->Rm] << (int)op->Immediate);

    /// <inheritdoc/>
    public static void WriteBack(CpuState* s, Op* op, ulong va)
    {
    }
}

/// <summary>Base plus the low word of a register, sign-extended and shifted left by the immediate.</summary>
internal unsafe struct SignedWordOffset : IAddress
{
    /// <inheritdoc/>
    public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn] + ((ulong)(int)s->X[op->Rm] << (int)op->Immediate);

    /// <inheritdoc/>
    public static void WriteBack(CpuState* s, Op* op, ulong va)
    {
    }
}

/// <summary>The page of the instruction plus the immediate: a literal.</summary>
internal unsafe struct Literal : IAddress
{
    /// <inheritdoc/>
    public static ulong Of(CpuState* s, Op* op) => s->PageVa + op->Immediate;

    /// <inheritdoc/>
    public static void WriteBack(CpuState* s, Op* op, ulong va)
    {
    }
}

/// <summary>The check of a stack pointer that is used as a base.</summary>
internal static unsafe class StackCheck
{
    // SAFETY: as for all handlers.

    /// <summary>Takes the guest's exception if the base is a misaligned stack pointer.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <returns>False if the exception was taken.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Passes(CpuState* s, Op* op)
    {
        if (op->Rn != CpuState.Sp || (s->X[CpuState.Sp] & s->StackMask) == 0) return true;
        Exceptions.StackAlignment(s, op);
        return false;
    }
}
