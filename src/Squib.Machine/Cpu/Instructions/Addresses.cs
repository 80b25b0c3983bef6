using System.Runtime.CompilerServices;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>The addressing modes.</summary>
internal static unsafe class Addresses
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Base plus immediate.</summary>
    internal struct Offset : IAddress
    {
        /// <inheritdoc/>
        public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn] + op->Immediate;

        /// <inheritdoc/>
        public static ulong After(CpuState* s, Op* op, ulong va) => s->X[op->Rn];

        /// <inheritdoc/>
        public static void WriteBack(CpuState* s, Op* op, ulong va)
        {
        }

        /// <inheritdoc/>
        public static bool IsMisaligned(CpuState* s) => false;
    }

    /// <summary>Base plus immediate, written back before the access.</summary>
    internal struct PreIndexed : IAddress
    {
        /// <inheritdoc/>
        public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn] + op->Immediate;

        /// <inheritdoc/>
        public static ulong After(CpuState* s, Op* op, ulong va) => va;

        /// <inheritdoc/>
        public static void WriteBack(CpuState* s, Op* op, ulong va) => s->X[op->Rn] = va;

        /// <inheritdoc/>
        public static bool IsMisaligned(CpuState* s) => false;
    }

    /// <summary>Base; base plus immediate is written back after the access.</summary>
    internal struct PostIndexed : IAddress
    {
        /// <inheritdoc/>
        public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn];

        /// <inheritdoc/>
        public static ulong After(CpuState* s, Op* op, ulong va) => va + op->Immediate;

        /// <inheritdoc/>
        public static void WriteBack(CpuState* s, Op* op, ulong va) => s->X[op->Rn] = va + op->Immediate;

        /// <inheritdoc/>
        public static bool IsMisaligned(CpuState* s) => false;
    }

    /// <summary>Base plus register, shifted left by the immediate.</summary>
    internal struct RegisterOffset : IAddress
    {
        /// <inheritdoc/>
        public static ulong Of(CpuState* s, Op* op) => s->X[op->Rn] + (s->X[op->Rm] << (int)op->Immediate);

        /// <inheritdoc/>
        public static ulong After(CpuState* s, Op* op, ulong va) => s->X[op->Rn];

        /// <inheritdoc/>
        public static void WriteBack(CpuState* s, Op* op, ulong va)
        {
        }

        /// <inheritdoc/>
        public static bool IsMisaligned(CpuState* s) => false;
    }

    /// <summary>Base plus the low word of a register, zero-extended and shifted left by the immediate.</summary>
    internal struct UnsignedWordOffset : IAddress
    {
        /// <inheritdoc/>
        public static ulong Of(CpuState* s, Op* op) =>
            s->X[op->Rn] + ((ulong)(uint)s->X[op->Rm] << (int)op->Immediate);

        /// <inheritdoc/>
        public static ulong After(CpuState* s, Op* op, ulong va) => s->X[op->Rn];

        /// <inheritdoc/>
        public static void WriteBack(CpuState* s, Op* op, ulong va)
        {
        }

        /// <inheritdoc/>
        public static bool IsMisaligned(CpuState* s) => false;
    }

    /// <summary>Base plus the low word of a register, sign-extended and shifted left by the immediate.</summary>
    internal struct SignedWordOffset : IAddress
    {
        /// <inheritdoc/>
        public static ulong Of(CpuState* s, Op* op) =>
            s->X[op->Rn] + ((ulong)(int)s->X[op->Rm] << (int)op->Immediate);

        /// <inheritdoc/>
        public static ulong After(CpuState* s, Op* op, ulong va) => s->X[op->Rn];

        /// <inheritdoc/>
        public static void WriteBack(CpuState* s, Op* op, ulong va)
        {
        }

        /// <inheritdoc/>
        public static bool IsMisaligned(CpuState* s) => false;
    }

    /// <summary>The page of the instruction plus the immediate: a literal. The base is the zero register.</summary>
    internal struct Literal : IAddress
    {
        /// <inheritdoc/>
        public static ulong Of(CpuState* s, Op* op) => s->PageVa + op->Immediate;

        /// <inheritdoc/>
        public static ulong After(CpuState* s, Op* op, ulong va) => s->X[op->Rn];

        /// <inheritdoc/>
        public static void WriteBack(CpuState* s, Op* op, ulong va)
        {
        }

        /// <inheritdoc/>
        public static bool IsMisaligned(CpuState* s) => false;
    }

    /// <summary>One of the other modes with the stack pointer as its base.</summary>
    /// <typeparam name="TAddress">The other mode.</typeparam>
    internal struct OnStack<TAddress> : IAddress
        where TAddress : struct, IAddress
    {
        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static ulong Of(CpuState* s, Op* op) => TAddress.Of(s, op);

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static ulong After(CpuState* s, Op* op, ulong va) => TAddress.After(s, op, va);

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void WriteBack(CpuState* s, Op* op, ulong va) => TAddress.WriteBack(s, op, va);

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool IsMisaligned(CpuState* s) => (s->X[CpuState.Sp] & s->StackMask) != 0;
    }
}
