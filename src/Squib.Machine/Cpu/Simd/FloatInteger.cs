using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>Conversions and moves between floating-point scalars and X registers.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes; an X register is 0 to 31, of 34.
internal static unsafe class FloatInteger
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        AddToInteger(table, "00", "00", "FCVTN");
        AddToInteger(table, "01", "00", "FCVTP");
        AddToInteger(table, "10", "00", "FCVTM");
        AddToInteger(table, "11", "00", "FCVTZ");
        AddToInteger(table, "00", "10", "FCVTA");
        Add(table, "00 010", "SCVTF (scalar, integer)", &FromGeneral);
        Add(table, "00 011", "UCVTF (scalar, integer)", &FromGeneral);
        AddFixed(table, "11 000", "FCVTZS (scalar, fixed-point)", &ToGeneral);
        AddFixed(table, "11 001", "FCVTZU (scalar, fixed-point)", &ToGeneral);
        AddFixed(table, "00 010", "SCVTF (scalar, fixed-point)", &FromGeneral);
        AddFixed(table, "00 011", "UCVTF (scalar, fixed-point)", &FromGeneral);
        table.Add("0 00 11110 00 1 00 110 000000 Rn:5 Rd:5", "FMOV (single to general)", &MoveToGeneral);
        table.Add("1 00 11110 01 1 00 110 000000 Rn:5 Rd:5", "FMOV (double to general)", &MoveToGeneral);
        table.Add("0 00 11110 00 1 00 111 000000 Rn:5 Rd:5", "FMOV (general to single)", &MoveFromGeneral);
        table.Add("1 00 11110 01 1 00 111 000000 Rn:5 Rd:5", "FMOV (general to double)", &MoveFromGeneral);
        table.Add("1 00 11110 10 1 01 110 000000 Rn:5 Rd:5", "FMOV (top half to general)", &MoveTopToGeneral);
        table.Add("1 00 11110 10 1 01 111 000000 Rn:5 Rd:5", "FMOV (general to top half)", &MoveTopFromGeneral);
    }

    private static void AddToInteger(DecodeTable table, string mode, string opcode, string name)
    {
        Add(table, $"{mode} {opcode}0", name + "S (scalar)", &ToGeneral);
        Add(table, $"{mode} {opcode}1", name + "U (scalar)", &ToGeneral);
    }

    private static void Add(DecodeTable table, string opcode, string name, delegate*<CpuState*, Op*, Op*> execute) =>
        table.Add($"sf 00 11110 0 sz 1 {opcode} 000000 Rn:5 Rd:5", name, execute);

    private static void AddFixed(
        DecodeTable table, string opcode, string name, delegate*<CpuState*, Op*, Op*> execute) =>
        table.Add($"sf 00 11110 0 sz 0 {opcode} scale:6 Rn:5 Rd:5", name, execute, IsWithinRegister);

    /// <summary>
    /// The scale is 64 less the bits behind the point, of which a 32-bit register has no more than 32.
    /// </summary>
    private static bool IsWithinRegister(uint word) =>
        new SimdWord(word).Bits(10, 6) >= 32 || new SimdWord(word).Bit(31);

    /// <summary>The bits behind the point; none in a conversion from or to an integer.</summary>
    private static int FractionBits(SimdWord word) => word.Bit(21) ? 0 : 64 - word.Bits(10, 6);

    private static Op* ToGeneral(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        ulong n = GetScalar(s, word.Rn, word.FloatSize);
        bool tiesAway = word.Bit(18);
        FloatRounding rounding = tiesAway ? FloatRounding.TiesAway : (FloatRounding)word.Bits(19, 2);
        ulong result = SoftFloat.ToFixed(
            s,
            FloatFormat.OfSize(word.FloatSize),
            n,
            rounding,
            FractionBits(word),
            word.Bit(31) ? 64 : 32,
            isUnsigned: word.Bit(16));
        SetGeneral(s, word.Rd, result);
        return op + 1;
    }

    private static Op* FromGeneral(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        ulong register = s->X[word.Rn];
        if (!word.Bit(31))
            register = (uint)register;
        bool isUnsigned = word.Bit(16);
        Int128 value = isUnsigned ? register : Vector.SignExtend(register, word.Bit(31) ? 3 : 2);
        var format = FloatFormat.OfSize(word.FloatSize);
        SetScalar(s, word.Rd, SoftFloat.FromFixed(s, format, value, FractionBits(word), SoftFloat.Rounding(s)));
        return op + 1;
    }

    private static Op* MoveToGeneral(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        SetGeneral(s, word.Rd, GetScalar(s, word.Rn, word.FloatSize));
        return op + 1;
    }

    private static Op* MoveFromGeneral(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        SetScalar(s, word.Rd, s->X[word.Rn] & Vector.Mask(word.FloatSize));
        return op + 1;
    }

    private static Op* MoveTopToGeneral(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        SetGeneral(s, word.Rd, Get(s, word.Rn).High);
        return op + 1;
    }

    private static Op* MoveTopFromGeneral(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        Set(s, word.Rd, new Vector(Get(s, word.Rd).Low, s->X[word.Rn]));
        return op + 1;
    }
}
