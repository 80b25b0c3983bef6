using static Squib.Machine.Cpu.Instructions.Operands;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>CSEL, CSINC, CSINV, CSNEG, CCMP and CCMN.</summary>
internal static unsafe class Conditional
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("sf 0 0 11010100 Rm:5 cond:4 0 0 Rn:5 Rd:5", "CSEL", &PrepareSelect);
        table.AddPrepared("sf 0 0 11010100 Rm:5 cond:4 0 1 Rn:5 Rd:5", "CSINC", &PrepareSelect);
        table.AddPrepared("sf 1 0 11010100 Rm:5 cond:4 0 0 Rn:5 Rd:5", "CSINV", &PrepareSelect);
        table.AddPrepared("sf 1 0 11010100 Rm:5 cond:4 0 1 Rn:5 Rd:5", "CSNEG", &PrepareSelect);
        table.AddPrepared("sf op 1 11010010 Rm:5 cond:4 0 0 Rn:5 0 nzcv:4", "CCMN/CCMP (register)", &PrepareCompare);
        table.AddPrepared("sf op 1 11010010 imm5:5 cond:4 1 0 Rn:5 0 nzcv:4", "CCMN/CCMP (immediate)", &PrepareCompare);
    }

    private static void PrepareSelect(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Destination(word);
        op->Rn = Register.Source(word, 5);
        op->Rm = Register.Source(word, 16);
        op->Immediate = Flags.Condition(Fields.Bits(word, 12, 4));
        bool wide = Fields.Bit(word, 31);
        bool inverts = Fields.Bit(word, 30);
        bool increments = Fields.Bit(word, 10);
        op->Execute = (inverts, increments) switch
        {
            (false, false) => wide ? &Select64 : &Select32,
            (false, true) => wide ? &SelectIncrement64 : &SelectIncrement32,
            (true, false) => wide ? &SelectInvert64 : &SelectInvert32,
            _ => wide ? &SelectNegate64 : &SelectNegate32,
        };
    }

    // The immediate is the condition, the flags for the case that it does not hold, and the second operand.
    private static void PrepareCompare(Op* op)
    {
        uint word = op->Word;
        op->Rn = Register.Source(word, 5);
        op->Rm = Register.Source(word, 16);
        op->Immediate = Flags.Condition(Fields.Bits(word, 12, 4)) | ((ulong)Fields.Bits(word, 0, 4) << 60);
        bool wide = Fields.Bit(word, 31);
        bool subtracts = Fields.Bit(word, 30);
        if (Fields.Bit(word, 11))
        {
            op->Execute = subtracts
                ? (wide ? &Compare64<SmallOperand> : &Compare32<SmallOperand>)
                : (wide ? &CompareNegative64<SmallOperand> : &CompareNegative32<SmallOperand>);
            return;
        }

        op->Execute = subtracts
            ? (wide ? &Compare64<RegisterOperand> : &Compare32<RegisterOperand>)
            : (wide ? &CompareNegative64<RegisterOperand> : &CompareNegative32<RegisterOperand>);
    }

    private static bool Holds(CpuState* s, Op* op) => Flags.Holds((ushort)op->Immediate, s->Nzcv);

    private static uint OtherFlags(Op* op) => (uint)(op->Immediate >> 32) & 0xf000_0000;

    private static Op* Select64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = Holds(s, op) ? s->X[op->Rn] : s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* Select32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)(Holds(s, op) ? s->X[op->Rn] : s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* SelectIncrement64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = Holds(s, op) ? s->X[op->Rn] : s->X[op->Rm] + 1;
        return op[1].Execute(s, op + 1);
    }

    private static Op* SelectIncrement32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)(Holds(s, op) ? s->X[op->Rn] : s->X[op->Rm] + 1);
        return op[1].Execute(s, op + 1);
    }

    private static Op* SelectInvert64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = Holds(s, op) ? s->X[op->Rn] : ~s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* SelectInvert32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)(Holds(s, op) ? s->X[op->Rn] : ~s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* SelectNegate64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = Holds(s, op) ? s->X[op->Rn] : 0 - s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* SelectNegate32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)(Holds(s, op) ? s->X[op->Rn] : 0 - s->X[op->Rm]);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Compare64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        ulong a = s->X[op->Rn];
        ulong b = TOperand.Get(s, op);
        s->Nzcv = Holds(s, op) ? Flags.OfSubtract64(a, b, a - b) : OtherFlags(op);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Compare32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        var a = (uint)s->X[op->Rn];
        var b = (uint)TOperand.Get(s, op);
        s->Nzcv = Holds(s, op) ? Flags.OfSubtract32(a, b, a - b) : OtherFlags(op);
        return op[1].Execute(s, op + 1);
    }

    private static Op* CompareNegative64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        ulong a = s->X[op->Rn];
        ulong b = TOperand.Get(s, op);
        s->Nzcv = Holds(s, op) ? Flags.OfAdd64(a, b, a + b) : OtherFlags(op);
        return op[1].Execute(s, op + 1);
    }

    private static Op* CompareNegative32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        var a = (uint)s->X[op->Rn];
        var b = (uint)TOperand.Get(s, op);
        s->Nzcv = Holds(s, op) ? Flags.OfAdd32(a, b, a + b) : OtherFlags(op);
        return op[1].Execute(s, op + 1);
    }

    /// <summary>The five-bit immediate of a conditional comparison.</summary>
    private struct SmallOperand : IOperand
    {
        public static ulong Get(CpuState* s, Op* op) => op->Rm;
    }
}
