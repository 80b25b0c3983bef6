using System.Numerics;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>The second operand of a data-processing instruction; for 32-bit instructions its upper half is arbitrary.</summary>
internal unsafe interface IOperand
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Works the operand out.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    static abstract ulong Get(CpuState* s, Op* op);
}

/// <summary>An immediate.</summary>
internal unsafe struct ImmediateOperand : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => op->Immediate;
}

/// <summary>A register.</summary>
internal unsafe struct RegisterOperand : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => s->X[op->Rm];
}

/// <summary>A register shifted left by the immediate.</summary>
internal unsafe struct ShiftedLeft : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => s->X[op->Rm] << (int)op->Immediate;
}

/// <summary>A 64-bit register shifted right by the immediate.</summary>
internal unsafe struct ShiftedRight64 : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => s->X[op->Rm] >> (int)op->Immediate;
}

/// <summary>A 32-bit register shifted right by the immediate.</summary>
internal unsafe struct ShiftedRight32 : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => (uint)s->X[op->Rm] >> (int)op->Immediate;
}

/// <summary>A 64-bit register shifted right by the immediate, with copies of its sign.</summary>
internal unsafe struct ShiftedArithmetic64 : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => (ulong)((long)s->X[op->Rm] >> (int)op->Immediate);
}

/// <summary>A 32-bit register shifted right by the immediate, with copies of its sign.</summary>
internal unsafe struct ShiftedArithmetic32 : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => (ulong)((int)s->X[op->Rm] >> (int)op->Immediate);
}

/// <summary>A 64-bit register rotated right by the immediate.</summary>
internal unsafe struct Rotated64 : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => BitOperations.RotateRight(s->X[op->Rm], (int)op->Immediate);
}

/// <summary>A 32-bit register rotated right by the immediate.</summary>
internal unsafe struct Rotated32 : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => BitOperations.RotateRight((uint)s->X[op->Rm], (int)op->Immediate);
}

/// <summary>The low bits of a register, zero-extended and shifted left: the immediate is the bits dropped, Ra the shift.</summary>
internal unsafe struct ExtendedUnsigned : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) =>
        (s->X[op->Rm] << (int)op->Immediate >> (int)op->Immediate) << op->Ra;
}

/// <summary>The low bits of a register, sign-extended and shifted left: the immediate is the bits dropped, Ra the shift.</summary>
internal unsafe struct ExtendedSigned : IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) =>
        (ulong)((long)(s->X[op->Rm] << (int)op->Immediate) >> (int)op->Immediate) << op->Ra;
}

/// <summary>The complement of another operand.</summary>
/// <typeparam name="TOperand">The other operand.</typeparam>
internal unsafe struct Complement<TOperand> : IOperand
    where TOperand : struct, IOperand
{
    /// <inheritdoc/>
    public static ulong Get(CpuState* s, Op* op) => ~TOperand.Get(s, op);
}
