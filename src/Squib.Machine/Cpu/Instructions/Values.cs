namespace Squib.Machine.Cpu.Instructions;

/// <summary>What a load brings into a general-purpose register, or a store takes from one: a width and an extension.</summary>
internal unsafe interface IValue
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Loads and extends.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="value">The register's new value.</param>
    /// <returns>False if the guest's exception was taken.</returns>
    static abstract bool Load(CpuState* s, Op* op, ulong va, out ulong value);

    /// <summary>Stores the low bytes.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The virtual address.</param>
    /// <param name="value">The register's value.</param>
    /// <returns>False if the guest's exception was taken.</returns>
    static abstract bool Store(CpuState* s, Op* op, ulong va, ulong value);
}

/// <summary>A byte.</summary>
internal unsafe struct Byte8 : IValue
{
    /// <inheritdoc/>
    public static bool Load(CpuState* s, Op* op, ulong va, out ulong value) => Mem.Load8(s, op, va, out value);

    /// <inheritdoc/>
    public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store8(s, op, va, value);
}

/// <summary>A halfword.</summary>
internal unsafe struct Half16 : IValue
{
    /// <inheritdoc/>
    public static bool Load(CpuState* s, Op* op, ulong va, out ulong value) => Mem.Load16(s, op, va, out value);

    /// <inheritdoc/>
    public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store16(s, op, va, value);
}

/// <summary>A word.</summary>
internal unsafe struct Word32 : IValue
{
    /// <inheritdoc/>
    public static bool Load(CpuState* s, Op* op, ulong va, out ulong value) => Mem.Load32(s, op, va, out value);

    /// <inheritdoc/>
    public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store32(s, op, va, value);
}

/// <summary>A doubleword.</summary>
internal unsafe struct Double64 : IValue
{
    /// <inheritdoc/>
    public static bool Load(CpuState* s, Op* op, ulong va, out ulong value) => Mem.Load64(s, op, va, out value);

    /// <inheritdoc/>
    public static bool Store(CpuState* s, Op* op, ulong va, ulong value) => Mem.Store64(s, op, va, value);
}

/// <summary>A byte, sign-extended to 64 bits.</summary>
internal unsafe struct SignedByteTo64 : IValue
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
internal unsafe struct SignedByteTo32 : IValue
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
internal unsafe struct SignedHalfTo64 : IValue
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
internal unsafe struct SignedHalfTo32 : IValue
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
internal unsafe struct SignedWordTo64 : IValue
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
