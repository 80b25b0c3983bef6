using static Squib.Machine.Cpu.Instructions.Operands;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>AND, ORR, EOR, ANDS with immediates and registers; BIC, ORN, EON, BICS.</summary>
internal static unsafe class Logical
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.
    private const uint OrKind = 1;
    private const uint WideKind = 4;

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared(
            "sf opc:2 100100 N immr:6 imms:6 Rn:5 Rd:5",
            "AND/ORR/EOR/ANDS (immediate)",
            &PrepareImmediate,
            word => Fields.TryBitMask(word, out _));
        table.AddPrepared(
            "sf opc:2 01010 shift:2 N Rm:5 imm6:6 Rn:5 Rd:5",
            "AND/ORR/EOR/ANDS/BIC/ORN/EON/BICS (shifted register)",
            &PrepareShifted,
            Fields.ShiftFits);
    }

    private static void PrepareImmediate(Op* op)
    {
        uint word = op->Word;
        uint kind = word >> 29;
        op->Rd = (kind & 3) == 3 ? Register.Destination(word) : Register.OrSp(word);
        op->Rn = Register.Source(word, 5);
        Fields.TryBitMask(word, out ulong mask);
        op->Immediate = mask;
        op->Execute = Choose<ImmediateOperand>(kind);
        if ((kind & 3) == OrKind && op->Rn == CpuState.Zero)
        {
            if ((kind & WideKind) == 0) op->Immediate = (uint)mask;
            op->Execute = &MoveWide.Move;
        }
    }

    private static void PrepareShifted(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Destination(word);
        op->Rn = Register.Source(word, 5);
        op->Rm = Register.Source(word, 16);
        op->Immediate = Fields.Bits(word, 10, 6);
        uint kind = word >> 29;
        bool wide = (kind & WideKind) != 0;
        uint shift = Fields.Bits(word, 22, 2);
        if (Fields.Bit(word, 21))
        {
            op->Execute = shift switch
            {
                0 when op->Immediate == 0 => Choose<Complement<RegisterOperand>>(kind),
                0 => Choose<Complement<ShiftedLeft>>(kind),
                1 => wide ? Choose<Complement<ShiftedRight64>>(kind) : Choose<Complement<ShiftedRight32>>(kind),
                2 when wide => Choose<Complement<ShiftedArithmetic64>>(kind),
                2 => Choose<Complement<ShiftedArithmetic32>>(kind),
                _ => wide ? Choose<Complement<Rotated64>>(kind) : Choose<Complement<Rotated32>>(kind),
            };
            return;
        }

        op->Execute = shift switch
        {
            0 when op->Immediate == 0 => ChooseUnshifted(op, kind),
            0 => Choose<ShiftedLeft>(kind),
            1 => wide ? Choose<ShiftedRight64>(kind) : Choose<ShiftedRight32>(kind),
            2 => wide ? Choose<ShiftedArithmetic64>(kind) : Choose<ShiftedArithmetic32>(kind),
            _ => wide ? Choose<Rotated64>(kind) : Choose<Rotated32>(kind),
        };
    }

    private static delegate*<CpuState*, Op*, Op*> ChooseUnshifted(Op* op, uint kind)
    {
        if ((kind & 3) != OrKind || op->Rn != CpuState.Zero) return Choose<RegisterOperand>(kind);
        return (kind & WideKind) != 0 ? &MoveRegister64 : &MoveRegister32;
    }

    // The kind is sf and opc as three bits.
    private static delegate*<CpuState*, Op*, Op*> Choose<TOperand>(uint kind)
        where TOperand : struct, IOperand => kind switch
        {
            0 => &And32<TOperand>,
            1 => &Or32<TOperand>,
            2 => &ExclusiveOr32<TOperand>,
            3 => &AndSetFlags32<TOperand>,
            4 => &And64<TOperand>,
            5 => &Or64<TOperand>,
            6 => &ExclusiveOr64<TOperand>,
            _ => &AndSetFlags64<TOperand>,
        };

    private static Op* MoveRegister64(CpuState* s, Op* op)
    {
        s->X[op->Rd] = s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* MoveRegister32(CpuState* s, Op* op)
    {
        s->X[op->Rd] = (uint)s->X[op->Rm];
        return op[1].Execute(s, op + 1);
    }

    private static Op* And32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = (uint)(s->X[op->Rn] & TOperand.Get(s, op));
        return op[1].Execute(s, op + 1);
    }

    private static Op* And64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = s->X[op->Rn] & TOperand.Get(s, op);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Or32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = (uint)(s->X[op->Rn] | TOperand.Get(s, op));
        return op[1].Execute(s, op + 1);
    }

    private static Op* Or64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = s->X[op->Rn] | TOperand.Get(s, op);
        return op[1].Execute(s, op + 1);
    }

    private static Op* ExclusiveOr32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = (uint)(s->X[op->Rn] ^ TOperand.Get(s, op));
        return op[1].Execute(s, op + 1);
    }

    private static Op* ExclusiveOr64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = s->X[op->Rn] ^ TOperand.Get(s, op);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AndSetFlags32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        var result = (uint)(s->X[op->Rn] & TOperand.Get(s, op));
        s->X[op->Rd] = result;
        s->Nzcv = Flags.OfLogical32(result);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AndSetFlags64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        ulong result = s->X[op->Rn] & TOperand.Get(s, op);
        s->X[op->Rd] = result;
        s->Nzcv = Flags.OfLogical64(result);
        return op[1].Execute(s, op + 1);
    }
}
