namespace Squib.Machine.Cpu.Instructions;

/// <summary>
/// SBFM, BFM, UBFM with all their aliases (shifts by an immediate, extensions, extractions), and EXTR.
/// </summary>
internal static unsafe class Bitfields
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("sf 00 100110 N immr:6 imms:6 Rn:5 Rd:5", "SBFM", &PrepareSigned, IsAllocated);
        table.AddPrepared("sf 01 100110 N immr:6 imms:6 Rn:5 Rd:5", "BFM", &PrepareInsert, IsAllocated);
        table.AddPrepared("sf 10 100110 N immr:6 imms:6 Rn:5 Rd:5", "UBFM", &PrepareUnsigned, IsAllocated);
        table.AddPrepared("sf 00 100111 N 0 Rm:5 imms:6 Rn:5 Rd:5", "EXTR", &PreparePair, IsAllocated);
    }

    // N repeats sf, and the positions (EXTR: the only one) must lie in the register.
    private static bool IsAllocated(uint word)
    {
        if (Fields.Bit(word, 31) != Fields.Bit(word, 22)) return false;
        return Fields.Bit(word, 31) || (!Fields.Bit(word, 15) && !Fields.Bit(word, 21));
    }

    private static int Size(uint word) => Fields.Bit(word, 31) ? 64 : 32;

    private static (int From, int To) Positions(Op* op)
    {
        op->Rd = Register.Destination(op->Word);
        op->Rn = Register.Source(op->Word, 5);
        return ((int)Fields.Bits(op->Word, 16, 6), (int)Fields.Bits(op->Word, 10, 6));
    }

    private static ulong Ones(int count) => ulong.MaxValue >> (64 - count);

    private static void PrepareUnsigned(Op* op)
    {
        (int rotate, int last) = Positions(op);
        bool extracts = last >= rotate;
        op->Rm = (byte)(extracts ? rotate : Size(op->Word) - rotate);
        op->Immediate = Ones(extracts ? last - rotate + 1 : last + 1);
        op->Execute = extracts ? &ShiftRightAndMask : &MaskAndShiftLeft;
    }

    private static void PrepareSigned(Op* op)
    {
        // Shifting the field's sign to the top first makes one case of both.
        (int rotate, int last) = Positions(op);
        int size = Size(op->Word);
        int left = 63 - last;
        op->Rm = (byte)left;
        op->Ra = (byte)(last >= rotate ? left + rotate : left - (size - rotate));
        op->Execute = size == 64 ? &ShiftLeftThenArithmetic64 : &ShiftLeftThenArithmetic32;
    }

    private static void PrepareInsert(Op* op)
    {
        (int rotate, int last) = Positions(op);
        int size = Size(op->Word);
        bool extracts = last >= rotate;
        op->Rm = (byte)(extracts ? rotate : size - rotate);
        op->Immediate = extracts ? Ones(last - rotate + 1) : Ones(last + 1) << (size - rotate);
        if (extracts) op->Execute = size == 64 ? &InsertRight64 : &InsertRight32;
        else op->Execute = size == 64 ? &InsertLeft64 : &InsertLeft32;
    }

    private static void PreparePair(Op* op)
    {
        (_, int last) = Positions(op);
        op->Rm = Register.Source(op->Word, 16);
        op->Ra = (byte)last;
        op->Execute = Fields.Bit(op->Word, 31) ? &Extract64 : &Extract32;
    }

    private static Op* ShiftRightAndMask(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (s->X[op->Rn] >> op->Rm) & op->Immediate;
        return op[1].Execute(s, op + 1);
    }

    private static Op* MaskAndShiftLeft(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (s->X[op->Rn] & op->Immediate) << op->Rm;
        return op[1].Execute(s, op + 1);
    }

    private static Op* ShiftLeftThenArithmetic64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (ulong)((long)(s->X[op->Rn] << op->Rm) >> op->Ra);
        return op[1].Execute(s, op + 1);
    }

    private static Op* ShiftLeftThenArithmetic32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)((long)(s->X[op->Rn] << op->Rm) >> op->Ra);
        return op[1].Execute(s, op + 1);
    }

    private static Op* InsertRight64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (s->X[op->Rd] & ~op->Immediate) | ((s->X[op->Rn] >> op->Rm) & op->Immediate);
        return op[1].Execute(s, op + 1);
    }

    private static Op* InsertRight32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)((s->X[op->Rd] & ~op->Immediate) | ((s->X[op->Rn] >> op->Rm) & op->Immediate));
        return op[1].Execute(s, op + 1);
    }

    private static Op* InsertLeft64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (s->X[op->Rd] & ~op->Immediate) | ((s->X[op->Rn] << op->Rm) & op->Immediate);
        return op[1].Execute(s, op + 1);
    }

    private static Op* InsertLeft32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)((s->X[op->Rd] & ~op->Immediate) | ((s->X[op->Rn] << op->Rm) & op->Immediate));
        return op[1].Execute(s, op + 1);
    }

    private static Op* Extract64(CpuState* s, Op* op)
    {
        // A shift by 64 would be one by 0: shift the high half in two steps.
        s->X[op->Rd] = (s->X[op->Rn] << 1 << (63 - op->Ra)) | (s->X[op->Rm] >> op->Ra);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Extract32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)(((s->X[op->Rn] << 32) | (uint)s->X[op->Rm]) >> op->Ra);
        return op[1].Execute(s, op + 1);
    }
}
