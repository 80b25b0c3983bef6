namespace Squib.Machine.Cpu;

/// <summary>The handlers of MRS and MSR.</summary>
internal static unsafe class SystemRegisterAccess
{
    // SAFETY: Op.Immediate of a stored register is the offset of an eight-byte field of CpuState.
    private const uint FpcrMask = 0x07c0_0000; // AHP, DN, FZ, RMode
    private const uint FpsrMask = 0x0800_009f; // QC and the cumulative exceptions
    private const uint DaifMask = 0xf << 6;
    private const uint SctlrUma = 1 << 9;
    private const uint SctlrUct = 1 << 15;
    private const uint SctlrDze = 1 << 14;

    internal static Op* ReadStored(CpuState* s, Op* op) =>
        s->El == 0 ? Exceptions.Undefined(s, op) : ReadStoredAnywhere(s, op);

    internal static Op* ReadStoredAnywhere(CpuState* s, Op* op)
    {
        s->X[op->Rd] = *(ulong*)((byte*)s + op->Immediate);
        return op + 1;
    }

    internal static Op* WriteStored(CpuState* s, Op* op) =>
        s->El == 0 ? Exceptions.Undefined(s, op) : WriteStoredAnywhere(s, op);

    internal static Op* WriteStoredAnywhere(CpuState* s, Op* op)
    {
        *(ulong*)((byte*)s + op->Immediate) = s->X[op->Rd];
        return op + 1;
    }

    internal static Op* ReadConstant(CpuState* s, Op* op) =>
        s->El == 0 ? Exceptions.UndefinedAsUsual(s, op) : Answer(s, op, op->Immediate);

    internal static Op* ReadCacheType(CpuState* s, Op* op) =>
        IsTrapped(s, SctlrUct) ? Exceptions.SystemTrap(s, op) : Answer(s, op, op->Immediate);

    internal static Op* ReadZeroBlock(CpuState* s, Op* op)
    {
        // DZP says that DC ZVA is prohibited at this exception level.
        ulong prohibited = IsTrapped(s, SctlrDze) ? 1u << 4 : 0;
        return Answer(s, op, op->Immediate | prohibited);
    }

    internal static Op* ReadCurrentEl(CpuState* s, Op* op) =>
        s->El == 0 ? Exceptions.Undefined(s, op) : Answer(s, op, s->El << 2);

    internal static Op* ReadSpSel(CpuState* s, Op* op) =>
        s->El == 0 ? Exceptions.Undefined(s, op) : Answer(s, op, s->SpSel);

    internal static Op* WriteSpSel(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        SoftwareCpu.Of(s).SetMode(el: 1, (uint)s->X[op->Rd] & 1);
        return op + 1;
    }

    internal static Op* ReadSpEl0(CpuState* s, Op* op) =>
        s->SpSel == 0 ? Exceptions.Undefined(s, op) : Answer(s, op, s->StackPointers[0]);

    internal static Op* WriteSpEl0(CpuState* s, Op* op)
    {
        if (s->SpSel == 0) return Exceptions.Undefined(s, op);
        s->StackPointers[0] = s->X[op->Rd];
        return op + 1;
    }

    internal static Op* ReadDaif(CpuState* s, Op* op) =>
        IsTrapped(s, SctlrUma) ? Exceptions.SystemTrap(s, op) : Answer(s, op, s->Daif);

    internal static Op* WriteDaif(CpuState* s, Op* op) =>
        IsTrapped(s, SctlrUma) ? Exceptions.SystemTrap(s, op) : SetDaif(s, op, (uint)s->X[op->Rd]);

    /// <summary>MSR DAIFSet; the immediate is in bits 11 to 8.</summary>
    internal static Op* MaskInterrupts(CpuState* s, Op* op) =>
        IsTrapped(s, SctlrUma) ? Exceptions.SystemTrap(s, op) : SetDaif(s, op, s->Daif | (((op->Word >> 8) & 15) << 6));

    /// <summary>MSR DAIFClr; the immediate is in bits 11 to 8.</summary>
    internal static Op* UnmaskInterrupts(CpuState* s, Op* op) =>
        IsTrapped(
            s, SctlrUma) ? Exceptions.SystemTrap(s, op) : SetDaif(s, op, s->Daif & ~(((op->Word >> 8) & 15) << 6));

    /// <summary>MSR SPSel with an immediate.</summary>
    internal static Op* SelectStackPointer(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        SoftwareCpu.Of(s).SetMode(el: 1, (op->Word >> 8) & 1);
        return op + 1;
    }

    internal static Op* ReadNzcv(CpuState* s, Op* op) => Answer(s, op, s->Nzcv);

    internal static Op* WriteNzcv(CpuState* s, Op* op)
    {
        s->Nzcv = (uint)s->X[op->Rd] & 0xf000_0000;
        return op + 1;
    }

    internal static Op* ReadFpcr(CpuState* s, Op* op) =>
        s->SimdTrapped ? Exceptions.SimdTrap(s, op) : Answer(s, op, s->Fpcr);

    internal static Op* WriteFpcr(CpuState* s, Op* op)
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        s->Fpcr = (uint)s->X[op->Rd] & FpcrMask;
        return op + 1;
    }

    internal static Op* ReadFpsr(CpuState* s, Op* op) =>
        s->SimdTrapped ? Exceptions.SimdTrap(s, op) : Answer(s, op, s->Fpsr);

    internal static Op* WriteFpsr(CpuState* s, Op* op)
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        s->Fpsr = (uint)s->X[op->Rd] & FpsrMask;
        return op + 1;
    }

    internal static Op* ReadInterruptStatus(CpuState* s, Op* op) =>
        s->El == 0 ? Exceptions.Undefined(s, op) : Answer(s, op, Volatile.Read(ref s->Irq) != 0 ? 1u << 7 : 0);

    internal static Op* WriteVectors(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        s->System.VbarEl1 = s->X[op->Rd] & ~0x7fful;
        return op + 1;
    }

    internal static Op* WriteControl(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        ulong value = s->X[op->Rd];
        s->System.SctlrEl1 = value;
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        if (cpu.Translation.SetControl(value)) cpu.Lines.Flush();
        SystemRegisters.UpdateTraps(s);
        cpu.Lines.Select(s);
        return op + 1;
    }

    internal static Op* WriteFeatureAccess(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        s->System.CpacrEl1 = s->X[op->Rd] & (3u << 20);
        SystemRegisters.UpdateTraps(s);
        return op + 1;
    }

    internal static Op* WriteLowerTable(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        s->System.Ttbr0El1 = s->X[op->Rd];
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        if (cpu.Translation.SetLowerTable(s->X[op->Rd])) cpu.Lines.Flush();
        return op + 1;
    }

    internal static Op* WriteUpperTable(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        s->System.Ttbr1El1 = s->X[op->Rd];
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        if (cpu.Translation.SetUpperTable(s->X[op->Rd])) cpu.Lines.Flush();
        return op + 1;
    }

    internal static Op* WriteTranslationControl(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        s->System.TcrEl1 = s->X[op->Rd];
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        cpu.Translation.SetTranslationControl(s->X[op->Rd]);
        cpu.Lines.Flush();
        return op + 1;
    }

    /// <summary>MRS of a register that is not in the table; the immediate is its encoding.</summary>
    internal static Op* ReadElsewhere(CpuState* s, Op* op)
    {
        var encoding = (uint)op->Immediate;
        switch (OtherRegisters.Classify(s, encoding))
        {
            case OtherRegister.ReadsAsZero:
                return Answer(s, op, 0);
            case OtherRegister.Trapped:
                return Exceptions.SystemTrap(s, op);
            case OtherRegister.OfMachine
            when SoftwareCpu.Of(s).Exits.TryReadSystemRegister(encoding, out ulong value):
                return Answer(s, op, value);
            default:
                return s->El == 0 && OtherRegisters.IsIdentification(encoding)
                    ? Exceptions.UndefinedAsUsual(s, op)
                    : Exceptions.Undefined(s, op);
        }
    }

    /// <summary>MSR of a register that is not in the table; the immediate is its encoding.</summary>
    internal static Op* WriteElsewhere(CpuState* s, Op* op)
    {
        var encoding = (uint)op->Immediate;
        switch (OtherRegisters.Classify(s, encoding))
        {
            case OtherRegister.ReadsAsZero when !OtherRegisters.IsIdentification(encoding):
                return op + 1;
            case OtherRegister.Trapped:
                return Exceptions.SystemTrap(s, op);
            case OtherRegister.OfMachine
            when SoftwareCpu.Of(s).Exits.TryWriteSystemRegister(encoding, s->X[op->Rd]):
                return JumpIfInterrupted(s, op);
            default:
                return Exceptions.Undefined(s, op);
        }
    }

    private static bool IsTrapped(CpuState* s, uint enable) => s->El == 0 && (s->System.SctlrEl1 & enable) == 0;

    private static Op* Answer(CpuState* s, Op* op, ulong value)
    {
        s->X[op->Rd] = value;
        return op + 1;
    }

    private static Op* SetDaif(CpuState* s, Op* op, uint value)
    {
        s->Daif = value & DaifMask;
        return JumpIfInterrupted(s, op);
    }

    private static Op* JumpIfInterrupted(CpuState* s, Op* op) =>
        Exceptions.HasIrq(s) ? Exceptions.JumpOrInterrupt(s, Pc.Of(s, op) + 4) : op + 1;
}
