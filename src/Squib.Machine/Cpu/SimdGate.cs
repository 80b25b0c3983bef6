namespace Squib.Machine.Cpu;

/// <summary>
/// What stands before each SIMD and floating-point instruction: the trap that CPACR_EL1.FPEN controls.
/// </summary>
internal static unsafe class SimdGate
{
    // SAFETY: DecodeRow puts the address of the instruction's own handler into Immediate.

    /// <summary>Executes a SIMD or floating-point instruction, or takes the trap.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction; its immediate is the address of its handler.</param>
    internal static Op* Enter(CpuState* s, Op* op) =>
        s->SimdTrapped ? Exceptions.SimdTrap(s, op) : ((delegate*<CpuState*, Op*, Op*>)op->Immediate)(s, op);
}
