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
