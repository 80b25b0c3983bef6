namespace Squib.Machine.Cpu.Instructions;

/// <summary>
/// The second operand of a data-processing instruction; for 32-bit instructions its upper half is arbitrary.
/// </summary>
internal unsafe interface IOperand
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Works the operand out.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    static abstract ulong Get(CpuState* s, Op* op);
}
