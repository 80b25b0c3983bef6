using System.Runtime.CompilerServices;
using Squib.Machine.Mmu;

namespace Squib.Machine.Cpu;

/// <summary>Takes the guest's exceptions, all of them to EL1, and returns from them.</summary>
internal static unsafe class Exceptions
{
    // SAFETY: works on the CPU's own state only.
    private const uint IrqMasked = 1 << 7;
    private const uint AllMasked = 0xf << 6;
    private const uint IllegalState = 1 << 20;
    private const uint SynchronousVector = 0;
    private const uint IrqVector = 0x80;

    /// <summary>Takes the exception of an undefined instruction.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    internal static Op* Undefined(CpuState* s, Op* op)
    {
        SoftwareCpu.Of(s).ReportUndefined(op->Word, Pc.Of(s, op));
        return UndefinedAsUsual(s, op);
    }

    /// <summary>Takes the exception of an undefined instruction that programs execute on purpose.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction: one that the guest's kernel emulates.</param>
    internal static Op* UndefinedAsUsual(CpuState* s, Op* op) =>
        Synchronous(s, Pc.Of(s, op), ExceptionClass.Unknown, 0);

    /// <summary>
    /// Takes the exception of a SIMD or floating-point instruction while CPACR_EL1.FPEN forbids them.
    /// </summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    internal static Op* SimdTrap(CpuState* s, Op* op) =>
        Synchronous(s, Pc.Of(s, op), ExceptionClass.SimdAccess, (1u << 24) | (0xeu << 20));

    /// <summary>
    /// Takes the exception of an access to a system register or a system instruction that is trapped.
    /// </summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction: MSR, MRS or SYS.</param>
    internal static Op* SystemTrap(CpuState* s, Op* op)
    {
        uint word = op->Word;
        uint syndrome = (((word >> 19) & 3) << 20) | (((word >> 5) & 7) << 17) | (((word >> 16) & 7) << 14)
            | (((word >> 12) & 15) << 10) | ((word & 31) << 5) | (((word >> 8) & 15) << 1) | ((word >> 21) & 1);
        return Synchronous(s, Pc.Of(s, op), ExceptionClass.SystemAccess, syndrome);
    }

    /// <summary>Takes a synchronous exception.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="returnTo">The preferred return address.</param>
    /// <param name="exceptionClass">ESR_EL1.EC.</param>
    /// <param name="syndrome">ESR_EL1.ISS.</param>
    /// <returns>The first instruction of the exception; <see cref="CpuState.Next"/> is the same.</returns>
    internal static Op* Synchronous(CpuState* s, ulong returnTo, uint exceptionClass, uint syndrome)
    {
        ulong vector = Enter(s, returnTo, SynchronousVector);
        s->System.EsrEl1 = Syndrome(exceptionClass, syndrome);
        return s->Next = Pc.Jump(s, vector);
    }

    /// <summary>Takes the exception of a load or store that failed.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    /// <param name="va">The address that could not be accessed.</param>
    /// <param name="fault">The fault status code.</param>
    /// <param name="write">Whether it was a store, or counts as one.</param>
    /// <param name="maintenance">Whether it was cache maintenance or an address translation.</param>
    internal static void DataAbort(CpuState* s, Op* op, ulong va, int fault, bool write, bool maintenance = false)
    {
        uint exceptionClass = s->El == 0 ? ExceptionClass.DataAbortLower : ExceptionClass.DataAbortSame;
        uint syndrome = (uint)fault | (write ? 1u << 6 : 0) | (maintenance ? 1u << 8 : 0);
        s->System.FarEl1 = va;
        Synchronous(s, Pc.Of(s, op), exceptionClass, syndrome);
    }

    /// <summary>Takes the exception of a misaligned stack pointer.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="op">The instruction.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void StackAlignment(CpuState* s, Op* op) =>
        Synchronous(s, Pc.Of(s, op), ExceptionClass.StackAlignment, 0);

    /// <summary>Takes the exception of an address from which no instruction can be fetched.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="va">The address.</param>
    /// <returns>The address of the exception's vector.</returns>
    internal static ulong FetchAbort(CpuState* s, ulong va)
    {
        uint exceptionClass = ExceptionClass.PcAlignment;
        int fault = 0;
        if ((va & 3) == 0)
        {
            Translation found = SoftwareCpu.Of(s).Translation.Translate(va, MemoryAccess.Fetch, s->El == 0);
            fault = found.Failed ? found.Fault : FaultStatus.External;
            exceptionClass = s->El == 0 ? ExceptionClass.FetchAbortLower : ExceptionClass.FetchAbortSame;
        }

        ulong vector = Enter(s, va, SynchronousVector);
        s->System.EsrEl1 = Syndrome(exceptionClass, (uint)fault);
        s->System.FarEl1 = va;
        return vector;
    }

    /// <summary>Whether an interrupt is pending that is not masked.</summary>
    /// <param name="s">The CPU.</param>
    internal static bool HasIrq(CpuState* s) => Volatile.Read(ref s->Irq) != 0 && (s->Daif & IrqMasked) == 0;

    /// <summary>Goes on at an address, or with the interrupt that is pending and not masked.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="pc">The address.</param>
    internal static Op* JumpOrInterrupt(CpuState* s, ulong pc) =>
        Pc.Jump(s, HasIrq(s) ? Enter(s, pc, IrqVector) : pc);

    /// <summary>Returns from an exception as SPSR_EL1 and ELR_EL1 say.</summary>
    /// <param name="s">The CPU, at EL1.</param>
    internal static Op* Return(CpuState* s)
    {
        uint spsr = (uint)s->System.SpsrEl1;
        ulong pc = s->System.ElrEl1;
        uint mode = spsr & 0x1f;
        bool legal = mode is 0 or 4 or 5;
        s->ExclusiveAddress = 0;
        s->Nzcv = spsr & 0xf0000000;
        s->Daif = spsr & AllMasked;
        if (legal) SoftwareCpu.Of(s).SetMode(mode >> 2, mode & 1);
        if (!legal || (spsr & IllegalState) != 0)
        {
            // What follows an illegal return is the exception of the illegal state, wherever it leads.
            ulong vector = Enter(s, pc, SynchronousVector);
            s->System.SpsrEl1 |= IllegalState;
            s->System.EsrEl1 = Syndrome(ExceptionClass.IllegalState, 0);
            return Pc.Jump(s, vector);
        }

        return JumpOrInterrupt(s, pc);
    }

    private static ulong Syndrome(uint exceptionClass, uint syndrome) =>
        (exceptionClass << 26) | (1u << 25) | syndrome;

    private static ulong Enter(CpuState* s, ulong returnTo, uint vector)
    {
        vector += s->El == 0 ? 0x400u : s->SpSel * 0x200;
        s->System.ElrEl1 = returnTo;
        s->System.SpsrEl1 = s->Nzcv | s->Daif | (s->El << 2) | s->SpSel;
        s->Daif = AllMasked;
        s->Unprivileged = false;
        SoftwareCpu.Of(s).SetMode(el: 1, spSel: 1);
        return s->System.VbarEl1 + vector;
    }
}
