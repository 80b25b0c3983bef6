namespace Squib.Machine.Cpu.Instructions;

/// <summary>
/// What a load brings into a general-purpose register, or a store takes from one: a width and an extension.
/// </summary>
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
