using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD two-register miscellaneous, and its scalar form, of floating-point lanes.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes.
internal static unsafe class TwoRegisterFloat
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        Add(table, "0", "1", "01100", "FCMGT (zero)", hasScalar: true);
        Add(table, "1", "1", "01100", "FCMGE (zero)", hasScalar: true);
        Add(table, "0", "1", "01101", "FCMEQ (zero)", hasScalar: true);
        Add(table, "1", "1", "01101", "FCMLE (zero)", hasScalar: true);
        Add(table, "0", "1", "01110", "FCMLT (zero)", hasScalar: true);
        Add(table, "0", "1", "01111", "FABS (vector)");
        Add(table, "1", "1", "01111", "FNEG (vector)");
        Add(table, "1", "1", "11111", "FSQRT (vector)");
        Add(table, "0", "0", "11000", "FRINTN (vector)");
        Add(table, "1", "0", "11000", "FRINTA (vector)");
        Add(table, "0", "1", "11000", "FRINTP (vector)");
        Add(table, "0", "0", "11001", "FRINTM (vector)");
        Add(table, "1", "0", "11001", "FRINTX (vector)");
        Add(table, "0", "1", "11001", "FRINTZ (vector)");
        Add(table, "1", "1", "11001", "FRINTI (vector)");
        AddBoth(table, "0", "11010", "FCVTNS", "FCVTNU");
        AddBoth(table, "1", "11010", "FCVTPS", "FCVTPU");
        AddBoth(table, "0", "11011", "FCVTMS", "FCVTMU");
        AddBoth(table, "1", "11011", "FCVTZS", "FCVTZU");
        AddBoth(table, "0", "11100", "FCVTAS", "FCVTAU");
        AddBoth(table, "0", "11101", "SCVTF", "UCVTF");
        AddBoth(table, "1", "11101", "FRECPE", "FRSQRTE");
        table.Add("01 0 11110 1 sz 10000 11111 10 Rn:5 Rd:5", "FRECPX", &Lanes);
        table.Add("0 Q 0 01110 0 sz 10000 10110 10 Rn:5 Rd:5", "FCVTN", &Narrow);
        table.Add("0 Q 1 01110 01 10000 10110 10 Rn:5 Rd:5", "FCVTXN", &Narrow);
        table.Add("01 1 11110 01 10000 10110 10 Rn:5 Rd:5", "FCVTXN, scalar", &Narrow);
        table.Add("0 Q 0 01110 0 sz 10000 10111 10 Rn:5 Rd:5", "FCVTL", &Long);
    }

    private static void AddBoth(DecodeTable table, string a, string opcode, string plainName, string otherName)
    {
        Add(table, "0", a, opcode, plainName + " (vector)", hasScalar: true);
        Add(table, "1", a, opcode, otherName + " (vector)", hasScalar: true);
    }

    private static void Add(
        DecodeTable table, string u, string a, string opcode, string name, bool hasScalar = false)
    {
        table.Add($"0 Q {u} 01110 {a} sz 10000 {opcode} 10 Rn:5 Rd:5", name, &Lanes);
        if (hasScalar)
            table.Add($"01 {u} 11110 {a} sz 10000 {opcode} 10 Rn:5 Rd:5", name + ", scalar", &Lanes);
    }

    private static Op* Lanes(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize;
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        int operation = word.Bits(12, 5) | (word.Bit(23) ? 0x20 : 0) | (word.U ? 0x40 : 0);
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
            result.Set(size, i, Lane(s, operation, FloatFormat.OfSize(size), n.Get(size, i)));
        Set(s, word.Rd, result);
        return op + 1;
    }

    /// <summary>One lane; the operation is U, bit 23, and the opcode.</summary>
    private static ulong Lane(CpuState* s, int operation, FloatFormat format, ulong a)
    {
        FloatRounding current = SoftFloat.Rounding(s);
        bool isUnsigned = (operation & 0x40) != 0;
        return operation switch
        {
            0x2c => Compare(s, format, a, signals: true) == SoftFloat.Greater ? ulong.MaxValue : 0,
            0x6c => Compare(s, format, a, signals: true) is SoftFloat.Greater or SoftFloat.Equal ? ulong.MaxValue : 0,
            0x2d => Compare(s, format, a, signals: false) == SoftFloat.Equal ? ulong.MaxValue : 0,
            0x6d => Compare(s, format, a, signals: true) is SoftFloat.Less or SoftFloat.Equal ? ulong.MaxValue : 0,
            0x2e => Compare(s, format, a, signals: true) == SoftFloat.Less ? ulong.MaxValue : 0,
            0x2f => SoftFloat.Absolute(format, a),
            0x6f => SoftFloat.Negate(format, a),
            0x7f => SoftFloat.SquareRoot(s, format, a),
            0x18 => SoftFloat.RoundToIntegral(s, format, a, FloatRounding.TiesToEven, signalsInexact: false),
            0x58 => SoftFloat.RoundToIntegral(s, format, a, FloatRounding.TiesAway, signalsInexact: false),
            0x38 => SoftFloat.RoundToIntegral(s, format, a, FloatRounding.Up, signalsInexact: false),
            0x19 => SoftFloat.RoundToIntegral(s, format, a, FloatRounding.Down, signalsInexact: false),
            0x59 => SoftFloat.RoundToIntegral(s, format, a, current, signalsInexact: true),
            0x39 => SoftFloat.RoundToIntegral(s, format, a, FloatRounding.TowardsZero, signalsInexact: false),
            0x79 => SoftFloat.RoundToIntegral(s, format, a, current, signalsInexact: false),
            0x1a or 0x5a => SoftFloat.ToFixed(s, format, a, FloatRounding.TiesToEven, 0, format.Bits, isUnsigned),
            0x3a or 0x7a => SoftFloat.ToFixed(s, format, a, FloatRounding.Up, 0, format.Bits, isUnsigned),
            0x1b or 0x5b => SoftFloat.ToFixed(s, format, a, FloatRounding.Down, 0, format.Bits, isUnsigned),
            0x3b or 0x7b => SoftFloat.ToFixed(s, format, a, FloatRounding.TowardsZero, 0, format.Bits, isUnsigned),
            0x1c or 0x5c => SoftFloat.ToFixed(s, format, a, FloatRounding.TiesAway, 0, format.Bits, isUnsigned),
            0x1d => SoftFloat.FromFixed(s, format, Vector.SignExtend(a, format.Bits == 32 ? 2 : 3), 0, current),
            0x5d => SoftFloat.FromFixed(s, format, a, 0, current),
            0x3d => SoftFloat.ReciprocalEstimate(s, format, a),
            0x7d => SoftFloat.ReciprocalRootEstimate(s, format, a),
            _ => SoftFloat.ReciprocalExponent(s, format, a),
        };
    }

    private static uint Compare(CpuState* s, FloatFormat format, ulong a, bool signals) =>
        SoftFloat.Compare(s, format, a, 0, signals);

    private static Op* Narrow(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize - 1;
        FloatFormat from = FloatFormat.OfSize(size + 1), to = FloatFormat.OfSize(size);
        FloatRounding rounding = word.U ? FloatRounding.ToOdd : SoftFloat.Rounding(s);
        Vector n = Get(s, word.Rn);
        Vector half = default;
        for (int i = 0; i < (word.IsScalar ? 1 : 8 >> size); i++)
            half.Set(size, i, SoftFloat.Convert(s, from, to, n.Get(size + 1, i), rounding));
        SetHalf(s, word, half.Low);
        return op + 1;
    }

    private static Op* Long(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize - 1, lanes = 8 >> size;
        FloatFormat from = FloatFormat.OfSize(size), to = FloatFormat.OfSize(size + 1);
        int part = word.Q ? lanes : 0;
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
            result.Set(size + 1, i, SoftFloat.Convert(s, from, to, n.Get(size, part + i)));
        Set(s, word.Rd, result);
        return op + 1;
    }
}
