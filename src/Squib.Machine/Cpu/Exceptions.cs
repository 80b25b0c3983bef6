namespace Squib.Machine.Cpu;

/// <summary>Takes the guest's exceptions.</summary>
internal static unsafe class Exceptions
{
    /// <summary>Takes the exception of an undefined instruction.</summary>
    internal static Op* Undefined(CpuState* s, Op* op) => s->Next;

    /// <summary>Takes the exception of a SIMD or floating-point instruction while CPACR_EL1.FPEN forbids them.</summary>
    internal static Op* SimdTrap(CpuState* s, Op* op) => s->Next;
}
