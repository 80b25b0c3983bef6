namespace Squib.Machine.Cpu.Instructions;

/// <summary>MADD, MSUB, their widening forms, SMULH and UMULH.</summary>
internal static unsafe class Multiply
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("0 00 11011 000 Rm:5 0 Ra:5 Rn:5 Rd:5", "MADD (32-bit)", &Prepare);
        table.AddPrepared("0 00 11011 000 Rm:5 1 Ra:5 Rn:5 Rd:5", "MSUB (32-bit)", &Prepare);
        table.AddPrepared("1 00 11011 000 Rm:5 0 Ra:5 Rn:5 Rd:5", "MADD", &Prepare);
        table.AddPrepared("1 00 11011 000 Rm:5 1 Ra:5 Rn:5 Rd:5", "MSUB", &Prepare);
        table.AddPrepared("1 00 11011 001 Rm:5 0 Ra:5 Rn:5 Rd:5", "SMADDL", &Prepare);
        table.AddPrepared("1 00 11011 001 Rm:5 1 Ra:5 Rn:5 Rd:5", "SMSUBL", &Prepare);
        table.AddPrepared("1 00 11011 101 Rm:5 0 Ra:5 Rn:5 Rd:5", "UMADDL", &Prepare);
        table.AddPrepared("1 00 11011 101 Rm:5 1 Ra:5 Rn:5 Rd:5", "UMSUBL", &Prepare);
        table.AddPrepared("1 00 11011 010 Rm:5 0 Ra:5 Rn:5 Rd:5", "SMULH", &Prepare);
        table.AddPrepared("1 00 11011 110 Rm:5 0 Ra:5 Rn:5 Rd:5", "UMULH", &Prepare);
    }

    private static void Prepare(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Destination(word);
        op->Rn = Register.Source(word, 5);
        op->Rm = Register.Source(word, 16);
        op->Ra = Register.Source(word, 10);
        bool subtracts = Fields.Bit(word, 15);
        bool wide = Fields.Bit(word, 31);
        op->Execute = Fields.Bits(word, 21, 3) switch
        {
            0 when !wide => subtracts ? &Subtract32 : &Add32,
            0 => subtracts ? &Subtract64 : &Add64,
            1 => subtracts ? &SubtractSignedLong : &AddSignedLong,
            5 => subtracts ? &SubtractUnsignedLong : &AddUnsignedLong,
            2 => &SignedHigh,
            _ => &UnsignedHigh,
        };
    }

    private static Op* Add32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)(s->X[op->Ra] + (s->X[op->Rn] * s->X[op->Rm]));
        return op[1].Execute(s, op + 1);
    }

    private static Op* Subtract32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)(s->X[op->Ra] - (s->X[op->Rn] * s->X[op->Rm]));
        return op[1].Execute(s, op + 1);
    }

    private static Op* Add64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Ra] + (s->X[op->Rn] * s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Subtract64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Ra] - (s->X[op->Rn] * s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AddSignedLong(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Ra] + (ulong)((long)(int)s->X[op->Rn] * (int)s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* SubtractSignedLong(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Ra] - (ulong)((long)(int)s->X[op->Rn] * (int)s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AddUnsignedLong(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Ra] + ((ulong)(uint)s->X[op->Rn] * (uint)s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* SubtractUnsignedLong(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Ra] - ((ulong)(uint)s->X[op->Rn] * (uint)s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* SignedHigh(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (ulong)Math.BigMul((long)s->X[op->Rn], (long)s->X[op->Rm], out _);
        return op[1].Execute(s, op + 1);
    }

    private static Op* UnsignedHigh(CpuState* s, Op* op)
    {
        s->X[op->Rd] = Math.BigMul(s->X[op->Rn], s->X[op->Rm], out _);
        return op[1].Execute(s, op + 1);
    }
}
