namespace Squib.Machine.Cpu.Instructions;

/// <summary>An addressing mode.</summary>
internal unsafe interface IAddress
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Works the address out.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    static abstract ulong Of(CpuState* s, Op* op);

    /// <summary>
    /// The value of the base register after the access; the same as before where the mode does not write it.
    /// </summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The address of the access.</param>
    static abstract ulong After(CpuState* s, Op* op, ulong va);

    /// <summary>Writes the base register where the mode does; after the access has succeeded.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The address of the access.</param>
    static abstract void WriteBack(CpuState* s, Op* op, ulong va);

    /// <summary>Whether the base is a stack pointer that is not aligned as it must be.</summary>
    /// <param name="s">The CPU.</param>
    static abstract bool IsMisaligned(CpuState* s);
}
