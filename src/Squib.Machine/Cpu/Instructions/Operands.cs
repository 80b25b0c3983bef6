using System.Numerics;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>The kinds of second operands.</summary>
internal static unsafe class Operands
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>An immediate.</summary>
    internal struct ImmediateOperand : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => op->Immediate;
    }

    /// <summary>A register.</summary>
    internal struct RegisterOperand : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => s->X[op->Rm];
    }

    /// <summary>A register shifted left by the immediate.</summary>
    internal struct ShiftedLeft : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => s->X[op->Rm] << (int)op->Immediate;
    }

    /// <summary>A 64-bit register shifted right by the immediate.</summary>
    internal struct ShiftedRight64 : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => s->X[op->Rm] >> (int)op->Immediate;
    }

    /// <summary>A 32-bit register shifted right by the immediate.</summary>
    internal struct ShiftedRight32 : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => (uint)s->X[op->Rm] >> (int)op->Immediate;
    }

    /// <summary>A 64-bit register shifted right by the immediate, with copies of its sign.</summary>
    internal struct ShiftedArithmetic64 : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => (ulong)((long)s->X[op->Rm] >> (int)op->Immediate);
    }

    /// <summary>A 32-bit register shifted right by the immediate, with copies of its sign.</summary>
    internal struct ShiftedArithmetic32 : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => (ulong)((int)s->X[op->Rm] >> (int)op->Immediate);
    }

    /// <summary>A 64-bit register rotated right by the immediate.</summary>
    internal struct Rotated64 : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => BitOperations.RotateRight(s->X[op->Rm], (int)op->Immediate);
    }

    /// <summary>A 32-bit register rotated right by the immediate.</summary>
    internal struct Rotated32 : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) =>
            BitOperations.RotateRight((uint)s->X[op->Rm], (int)op->Immediate);
    }

    /// <summary>
    /// The low bits of a register, zero-extended and shifted left: the immediate is the bits dropped, Ra the shift.
    /// </summary>
    internal struct ExtendedUnsigned : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) =>
            (s->X[op->Rm] << (int)op->Immediate >> (int)op->Immediate) << op->Ra;
    }

    /// <summary>
    /// The low bits of a register, sign-extended and shifted left: the immediate is the bits dropped, Ra the shift.
    /// </summary>
    internal struct ExtendedSigned : IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) =>
            (ulong)((long)(s->X[op->Rm] << (int)op->Immediate) >> (int)op->Immediate) << op->Ra;
    }

    /// <summary>The complement of another operand.</summary>
    /// <typeparam name="TOperand">The other operand.</typeparam>
    internal struct Complement<TOperand> : IOperand
        where TOperand : struct, IOperand
    {
        /// <inheritdoc/>
        public static ulong Get(CpuState* s, Op* op) => ~TOperand.Get(s, op);
    }
}
