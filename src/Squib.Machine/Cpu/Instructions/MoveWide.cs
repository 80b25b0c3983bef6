namespace Squib.Machine.Cpu.Instructions;

/// <summary>MOVN, MOVZ, MOVK, ADR and ADRP.</summary>
internal static unsafe class MoveWide
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("sf 00 100101 hw:2 imm16:16 Rd:5", "MOVN", &PrepareInverted, HalfwordFits);
        table.AddPrepared("sf 10 100101 hw:2 imm16:16 Rd:5", "MOVZ", &PrepareZero, HalfwordFits);
        table.AddPrepared("sf 11 100101 hw:2 imm16:16 Rd:5", "MOVK", &PrepareKeep, HalfwordFits);
        table.AddPrepared("0 immlo:2 10000 immhi:19 Rd:5", "ADR", &PrepareAddress);
        table.AddPrepared("1 immlo:2 10000 immhi:19 Rd:5", "ADRP", &PreparePageAddress);
    }

    /// <summary>Sets a register to the immediate.</summary>
    internal static Op* Move(CpuState* s, Op* op)
    {
        s->X[op->Rd] = op->Immediate;
        return op[1].Execute(s, op + 1);
    }

    private static bool HalfwordFits(uint word) => Fields.Bit(word, 31) || !Fields.Bit(word, 22);

    private static int Shift(uint word) => (int)Fields.Bits(word, 21, 2) * 16;

    private static void PrepareInverted(Op* op)
    {
        ulong value = ~((ulong)Fields.Bits(op->Word, 5, 16) << Shift(op->Word));
        op->Immediate = Fields.Bit(op->Word, 31) ? value : (uint)value;
        op->Rd = Register.Destination(op->Word);
        op->Execute = &Move;
    }

    private static void PrepareZero(Op* op)
    {
        op->Immediate = (ulong)Fields.Bits(op->Word, 5, 16) << Shift(op->Word);
        op->Rd = Register.Destination(op->Word);
        op->Execute = &Move;
    }

    private static void PrepareKeep(Op* op)
    {
        op->Immediate = (ulong)Fields.Bits(op->Word, 5, 16) << Shift(op->Word);
        op->Rd = Register.Destination(op->Word);
        op->Rm = (byte)Shift(op->Word);
        op->Execute = Fields.Bit(op->Word, 31) ? &Keep64 : &Keep32;
    }

    private static void PrepareAddress(Op* op)
    {
        op->Immediate += (ulong)Distance(op->Word);
        op->Rd = Register.Destination(op->Word);
        op->Execute = &Address;
    }

    private static void PreparePageAddress(Op* op)
    {
        op->Immediate = (ulong)Distance(op->Word) << 12;
        op->Rd = Register.Destination(op->Word);
        op->Execute = &Address;
    }

    private static long Distance(uint word) => (Fields.Signed(word, 5, 19) << 2) | Fields.Bits(word, 29, 2);

    private static Op* Keep64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (s->X[op->Rd] & ~(0xfffful << op->Rm)) | op->Immediate;
        return op[1].Execute(s, op + 1);
    }

    private static Op* Keep32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = ((uint)s->X[op->Rd] & ~(0xffffu << op->Rm)) | op->Immediate;
        return op[1].Execute(s, op + 1);
    }

    // The immediate counts from the start of the page.
    private static Op* Address(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->PageVa + op->Immediate;
        return op[1].Execute(s, op + 1);
    }
}
