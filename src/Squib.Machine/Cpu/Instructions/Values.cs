namespace Squib.Machine.Cpu.Instructions;

/// <summary>The widths and extensions of loads and stores.</summary>
internal static unsafe class Values
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>A byte.</summary>
    internal struct Byte8 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value) => Mem.Load8(s, op, va, out value);

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store8(s, op, va, value);
    }

    /// <summary>A halfword.</summary>
    internal struct Half16 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value) => Mem.Load16(s, op, va, out value);

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store16(s, op, va, value);
    }

    /// <summary>A word.</summary>
    internal struct Word32 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value) => Mem.Load32(s, op, va, out value);

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store32(s, op, va, value);
    }

    /// <summary>A doubleword.</summary>
    internal struct Double64 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value) => Mem.Load64(s, op, va, out value);

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store64(s, op, va, value);
    }

    /// <summary>A byte, sign-extended to 64 bits.</summary>
    internal struct SignedByteTo64 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value)
        {
            bool loaded = Mem.Load8(s, op, va, out ulong raw);
            value = (ulong)(sbyte)raw;
            return loaded;
        }

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store8(s, op, va, value);
    }

    /// <summary>A byte, sign-extended to 32 bits.</summary>
    internal struct SignedByteTo32 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value)
        {
            bool loaded = Mem.Load8(s, op, va, out ulong raw);
            value = (uint)(sbyte)raw;
            return loaded;
        }

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store8(s, op, va, value);
    }

    /// <summary>A halfword, sign-extended to 64 bits.</summary>
    internal struct SignedHalfTo64 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value)
        {
            bool loaded = Mem.Load16(s, op, va, out ulong raw);
            value = (ulong)(short)raw;
            return loaded;
        }

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store16(s, op, va, value);
    }

    /// <summary>A halfword, sign-extended to 32 bits.</summary>
    internal struct SignedHalfTo32 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value)
        {
            bool loaded = Mem.Load16(s, op, va, out ulong raw);
            value = (uint)(short)raw;
            return loaded;
        }

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store16(s, op, va, value);
    }

    /// <summary>A word, sign-extended to 64 bits.</summary>
    internal struct SignedWordTo64 : IValue
    {
        /// <inheritdoc/>
        public static bool Load(CpuState* s, Op* op, ulong va, out ulong value)
        {
            bool loaded = Mem.Load32(s, op, va, out ulong raw);
            value = (ulong)(int)raw;
            return loaded;
        }

        /// <inheritdoc/>
        public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store32(s, op, va, value);
    }
}
