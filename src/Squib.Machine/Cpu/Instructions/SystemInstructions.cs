namespace Squib.Machine.Cpu.Instructions;

/// <summary>Hints, barriers, exception generation and return, MSR and MRS.</summary>
internal static unsafe class SystemInstructions
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.
    private const uint SctlrNtwi = 1 << 16;

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.Add("11010100 000 imm16:16 000 01", "SVC", &SupervisorCall);
        table.Add("11010100 000 imm16:16 000 10", "HVC", &Hypercall);
        table.Add("11010100 000 imm16:16 000 11", "SMC", &Exceptions.Undefined);
        table.Add("11010100 001 imm16:16 000 00", "BRK", &Breakpoint);
        table.Add("11010100 010 imm16:16 000 00", "HLT", &Exceptions.Undefined);
        table.Add("0000000000000000 imm16:16", "UDF", &Exceptions.Undefined);
        table.Add("1101011 0100 11111 000000 11111 00000", "ERET", &ExceptionReturn);
        table.AddPrepared("1101010100 0 00 011 0010 CRm:4 op2:3 11111", "HINT", &PrepareHint);
        table.Add("1101010100 0 00 011 0011 CRm:4 010 11111", "CLREX", &ClearExclusive);
        table.AddPrepared("1101010100 0 00 011 0011 CRm:4 100 11111", "DSB", &PrepareBarrier);
        table.AddPrepared("1101010100 0 00 011 0011 CRm:4 101 11111", "DMB", &PrepareBarrier);
        table.Add("1101010100 0 00 011 0011 CRm:4 110 11111", "ISB", &InstructionBarrier);
        table.Add("1101010100 0 00 000 0100 CRm:4 101 11111", "MSR SPSel", &SystemRegisterAccess.SelectStackPointer);
        table.Add("1101010100 0 00 011 0100 CRm:4 110 11111", "MSR DAIFSet", &SystemRegisterAccess.MaskInterrupts);
        table.Add("1101010100 0 00 011 0100 CRm:4 111 11111", "MSR DAIFClr", &SystemRegisterAccess.UnmaskInterrupts);
        table.AddPrepared("1101010100 0 01 op1:3 CRn:4 CRm:4 op2:3 Rt:5", "SYS", &Maintenance.Prepare);
        table.AddPrepared("1101010100 0 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt:5", "MSR", &SystemRegisters.PrepareWrite);
        table.AddPrepared("1101010100 1 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt:5", "MRS", &SystemRegisters.PrepareRead);
    }

    /// <summary>Goes on.</summary>
    internal static Op* DoNothing(CpuState* s, Op* op) => op[1].Execute(s, op + 1);

    // All hints but two are the CPU's to ignore; WFE may end at once.
    private static void PrepareHint(Op* op) =>
        op->Execute = Fields.Bits(op->Word, 5, 7) == 3 ? &WaitForInterrupt : &DoNothing;

    private static void PrepareBarrier(Op* op) => op->Execute = Fields.Bits(op->Word, 8, 2) switch
    {
        1 => &LoadBarrier,
        2 => &StoreBarrier,
        _ => &FullBarrier,
    };

    private static Op* SupervisorCall(CpuState* s, Op* op) =>
        Exceptions.Synchronous(s, Pc.Leave(s, op) + 4, ExceptionClass.SupervisorCall, Fields.Bits(op->Word, 5, 16));

    private static Op* Breakpoint(CpuState* s, Op* op) =>
        Exceptions.Synchronous(s, Pc.Leave(s, op), ExceptionClass.Breakpoint, Fields.Bits(op->Word, 5, 16));

    private static Op* Hypercall(CpuState* s, Op* op)
    {
        if (s->El == 0 || Fields.Bits(op->Word, 5, 16) != 0) return Exceptions.Undefined(s, op);
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        cpu.Exits.Hypercall(new Span<ulong>(s->X, 4));
        return Volatile.Read(ref s->StopRequested) != 0 ? cpu.Code.ParkAt(s, Pc.Leave(s, op) + 4) : op + 1;
    }

    private static Op* ExceptionReturn(CpuState* s, Op* op) =>
        s->El == 0 ? Exceptions.Undefined(s, op) : Exceptions.Return(s, op);

    private static Op* WaitForInterrupt(CpuState* s, Op* op)
    {
        if (s->El == 0 && (s->System.SctlrEl1 & SctlrNtwi) == 0)
            return Exceptions.Synchronous(s, Pc.Leave(s, op), ExceptionClass.Wait, (1u << 24) | (0xeu << 20));
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        ulong next = Pc.Leave(s, op) + 4;
        cpu.WaitForInterrupt();
        return Volatile.Read(ref s->StopRequested) != 0
            ? cpu.Code.ParkAt(s, next)
            : Exceptions.JumpOrInterrupt(s, next);
    }

    private static Op* ClearExclusive(CpuState* s, Op* op)
    {
        s->ExclusiveAddress = 0;
        return op + 1;
    }

    private static Op* LoadBarrier(CpuState* s, Op* op)
    {
        Volatile.ReadBarrier();
        return op + 1;
    }

    private static Op* StoreBarrier(CpuState* s, Op* op)
    {
        Volatile.WriteBarrier();
        return op + 1;
    }

    private static Op* FullBarrier(CpuState* s, Op* op)
    {
        Interlocked.MemoryBarrier();
        return op + 1;
    }

    // What follows is fetched anew, as the translation may have changed.
    private static Op* InstructionBarrier(CpuState* s, Op* op) => Pc.Jump(s, Pc.Leave(s, op) + 4);
}
