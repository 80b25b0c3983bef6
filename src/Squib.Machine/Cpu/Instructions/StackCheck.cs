using System.Runtime.CompilerServices;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>The check of a stack pointer that is used as a base.</summary>
internal static unsafe class StackCheck
{
    // SAFETY: as for all handlers.

    /// <summary>Takes the guest's exception if the base is a misaligned stack pointer.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <returns>False if the exception was taken.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Passes(CpuState* s, Op* op)
    {
        if (op->Rn != CpuState.Sp || (s->X[CpuState.Sp] & s->StackMask) == 0) return true;
        Exceptions.StackAlignment(s, op);
        return false;
    }
}
