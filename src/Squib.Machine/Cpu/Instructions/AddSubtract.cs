using static Squib.Machine.Cpu.Instructions.Operands;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>ADD, ADDS, SUB, SUBS in all forms, ADC and SBC.</summary>
internal static unsafe class AddSubtract
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("sf op S 100010 sh imm12:12 Rn:5 Rd:5", "ADD/ADDS/SUB/SUBS (immediate)", &PrepareImmediate);
        table.AddPrepared(
            "sf op S 01011 shift:2 0 Rm:5 imm6:6 Rn:5 Rd:5",
            "ADD/ADDS/SUB/SUBS (shifted register)",
            &PrepareShifted,
            word => (word >> 22 & 3) != 3 && Fields.ShiftFits(word));
        table.AddPrepared(
            "sf op S 01011 00 1 Rm:5 option:3 imm3:3 Rn:5 Rd:5",
            "ADD/ADDS/SUB/SUBS (extended register)",
            &PrepareExtended,
            word => (word >> 10 & 7) <= 4);
        table.AddPrepared("sf op S 11010000 Rm:5 000000 Rn:5 Rd:5", "ADC/ADCS/SBC/SBCS", &PrepareCarry);
    }

    private static void PrepareImmediate(Op* op)
    {
        uint word = op->Word;
        bool setsFlags = Fields.Bit(word, 29);
        ulong value = Fields.Bits(word, 10, 12) << (Fields.Bit(word, 22) ? 12 : 0);
        op->Rd = setsFlags ? Register.Destination(word) : Register.OrSp(word);
        op->Rn = Register.OrSp(word, 5);
        op->Immediate = value;
        uint kind = word >> 29;

        // Without flags, subtracting is adding the opposite.
        if (!setsFlags && Fields.Bit(word, 30))
        {
            op->Immediate = 0 - value;
            kind &= ~2u;
        }

        op->Execute = Choose<ImmediateOperand>(kind);
    }

    private static void PrepareShifted(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Destination(word);
        op->Rn = Register.Source(word, 5);
        op->Rm = Register.Source(word, 16);
        op->Immediate = Fields.Bits(word, 10, 6);
        uint kind = word >> 29;
        bool wide = Fields.Bit(word, 31);
        op->Execute = (word >> 22 & 3) switch
        {
            0 when op->Immediate == 0 => Choose<RegisterOperand>(kind),
            0 => Choose<ShiftedLeft>(kind),
            1 => wide ? Choose<ShiftedRight64>(kind) : Choose<ShiftedRight32>(kind),
            _ => wide ? Choose<ShiftedArithmetic64>(kind) : Choose<ShiftedArithmetic32>(kind),
        };
    }

    private static void PrepareExtended(Op* op)
    {
        uint word = op->Word;
        op->Rd = Fields.Bit(word, 29) ? Register.Destination(word) : Register.OrSp(word);
        op->Rn = Register.OrSp(word, 5);
        op->Rm = Register.Source(word, 16);
        op->Ra = (byte)Fields.Bits(word, 10, 3);
        uint option = Fields.Bits(word, 13, 3);
        op->Immediate = (ulong)(64 - (8 << (int)(option & 3)));
        op->Execute = option < 4 ? Choose<ExtendedUnsigned>(word >> 29) : Choose<ExtendedSigned>(word >> 29);
    }

    private static void PrepareCarry(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Destination(word);
        op->Rn = Register.Source(word, 5);
        op->Rm = Register.Source(word, 16);
        op->Execute = (word >> 29) switch
        {
            0 => &AddCarry32<RegisterOperand>,
            1 => &AddCarrySetFlags32<RegisterOperand>,
            2 => &AddCarry32<Complement<RegisterOperand>>,
            3 => &AddCarrySetFlags32<Complement<RegisterOperand>>,
            4 => &AddCarry64<RegisterOperand>,
            5 => &AddCarrySetFlags64<RegisterOperand>,
            6 => &AddCarry64<Complement<RegisterOperand>>,
            _ => &AddCarrySetFlags64<Complement<RegisterOperand>>,
        };
    }

    // The kind is sf, op, S as three bits.
    private static delegate*<CpuState*, Op*, Op*> Choose<TOperand>(uint kind)
        where TOperand : struct, IOperand => kind switch
        {
            0 => &Add32<TOperand>,
            1 => &AddSetFlags32<TOperand>,
            2 => &Subtract32<TOperand>,
            3 => &SubtractSetFlags32<TOperand>,
            4 => &Add64<TOperand>,
            5 => &AddSetFlags64<TOperand>,
            6 => &Subtract64<TOperand>,
            _ => &SubtractSetFlags64<TOperand>,
        };

    private static Op* Add32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = (uint)(s->X[op->Rn] + TOperand.Get(s, op));
        return op[1].Execute(s, op + 1);
    }

    private static Op* Add64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = s->X[op->Rn] + TOperand.Get(s, op);
        return op[1].Execute(s, op + 1);
    }

    private static Op* Subtract32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = (uint)(s->X[op->Rn] - TOperand.Get(s, op));
        return op[1].Execute(s, op + 1);
    }

    private static Op* Subtract64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = s->X[op->Rn] - TOperand.Get(s, op);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AddSetFlags32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        var a = (uint)s->X[op->Rn];
        var b = (uint)TOperand.Get(s, op);
        uint result = a + b;
        s->X[op->Rd] = result;
        s->Nzcv = Flags.OfAdd32(a, b, result);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AddSetFlags64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        ulong a = s->X[op->Rn];
        ulong b = TOperand.Get(s, op);
        ulong result = a + b;
        s->X[op->Rd] = result;
        s->Nzcv = Flags.OfAdd64(a, b, result);
        return op[1].Execute(s, op + 1);
    }

    private static Op* SubtractSetFlags32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        var a = (uint)s->X[op->Rn];
        var b = (uint)TOperand.Get(s, op);
        uint result = a - b;
        s->X[op->Rd] = result;
        s->Nzcv = Flags.OfSubtract32(a, b, result);
        return op[1].Execute(s, op + 1);
    }

    private static Op* SubtractSetFlags64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        ulong a = s->X[op->Rn];
        ulong b = TOperand.Get(s, op);
        ulong result = a - b;
        s->X[op->Rd] = result;
        s->Nzcv = Flags.OfSubtract64(a, b, result);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AddCarry32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = (uint)(s->X[op->Rn] + TOperand.Get(s, op) + Flags.CarryOf(s->Nzcv));
        return op[1].Execute(s, op + 1);
    }

    private static Op* AddCarry64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        s->X[op->Rd] = s->X[op->Rn] + TOperand.Get(s, op) + Flags.CarryOf(s->Nzcv);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AddCarrySetFlags32<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        var a = (uint)s->X[op->Rn];
        var b = (uint)TOperand.Get(s, op);
        uint carry = Flags.CarryOf(s->Nzcv);
        uint result = a + b + carry;
        s->X[op->Rd] = result;
        s->Nzcv = Flags.OfAddWithCarry32(a, b, carry, result);
        return op[1].Execute(s, op + 1);
    }

    private static Op* AddCarrySetFlags64<TOperand>(CpuState* s, Op* op)
        where TOperand : struct, IOperand
    {
        ulong a = s->X[op->Rn];
        ulong b = TOperand.Get(s, op);
        ulong carry = Flags.CarryOf(s->Nzcv);
        ulong result = a + b + carry;
        s->X[op->Rd] = result;
        s->Nzcv = Flags.OfAddWithCarry64(a, b, carry, result);
        return op[1].Execute(s, op + 1);
    }
}
