using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>
/// Scalar floating point: data processing of one, two, and three sources, comparisons, and selection.
/// </summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes; function pointers are of static
// methods.
internal static unsafe class ScalarFloat
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        AddOneSource(table);
        AddTwoSources(table, "0000", "FMUL (scalar)");
        AddTwoSources(table, "0001", "FDIV (scalar)");
        AddTwoSources(table, "0010", "FADD (scalar)");
        AddTwoSources(table, "0011", "FSUB (scalar)");
        AddTwoSources(table, "0100", "FMAX (scalar)");
        AddTwoSources(table, "0101", "FMIN (scalar)");
        AddTwoSources(table, "0110", "FMAXNM (scalar)");
        AddTwoSources(table, "0111", "FMINNM (scalar)");
        AddTwoSources(table, "1000", "FNMUL (scalar)");
        table.Add("000 11111 0 sz 0 Rm:5 0 Ra:5 Rn:5 Rd:5", "FMADD", &ThreeSources);
        table.Add("000 11111 0 sz 0 Rm:5 1 Ra:5 Rn:5 Rd:5", "FMSUB", &ThreeSources);
        table.Add("000 11111 0 sz 1 Rm:5 0 Ra:5 Rn:5 Rd:5", "FNMADD", &ThreeSources);
        table.Add("000 11111 0 sz 1 Rm:5 1 Ra:5 Rn:5 Rd:5", "FNMSUB", &ThreeSources);
        table.Add("000 11110 0 sz 1 Rm:5 00 1000 Rn:5 00 000", "FCMP", &Compare);
        table.Add("000 11110 0 sz 1 Rm:5 00 1000 Rn:5 01 000", "FCMP (zero)", &Compare);
        table.Add("000 11110 0 sz 1 Rm:5 00 1000 Rn:5 10 000", "FCMPE", &Compare);
        table.Add("000 11110 0 sz 1 Rm:5 00 1000 Rn:5 11 000", "FCMPE (zero)", &Compare);
        table.Add("000 11110 0 sz 1 Rm:5 cond:4 01 Rn:5 0 nzcv:4", "FCCMP", &ConditionalCompare);
        table.Add("000 11110 0 sz 1 Rm:5 cond:4 01 Rn:5 1 nzcv:4", "FCCMPE", &ConditionalCompare);
        table.Add("000 11110 0 sz 1 Rm:5 cond:4 11 Rn:5 Rd:5", "FCSEL", &Select);
    }

    private static void AddOneSource(DecodeTable table)
    {
        AddOneSource(table, "000000", "FMOV (register)");
        AddOneSource(table, "000001", "FABS (scalar)");
        AddOneSource(table, "000010", "FNEG (scalar)");
        AddOneSource(table, "000011", "FSQRT (scalar)");
        AddOneSource(table, "001000", "FRINTN (scalar)");
        AddOneSource(table, "001001", "FRINTP (scalar)");
        AddOneSource(table, "001010", "FRINTM (scalar)");
        AddOneSource(table, "001011", "FRINTZ (scalar)");
        AddOneSource(table, "001100", "FRINTA (scalar)");
        AddOneSource(table, "001110", "FRINTX (scalar)");
        AddOneSource(table, "001111", "FRINTI (scalar)");
        AddConversion(table, "00", "01", "FCVT (single to double)");
        AddConversion(table, "00", "11", "FCVT (single to half)");
        AddConversion(table, "01", "00", "FCVT (double to single)");
        AddConversion(table, "01", "11", "FCVT (double to half)");
        AddConversion(table, "11", "00", "FCVT (half to single)");
        AddConversion(table, "11", "01", "FCVT (half to double)");
    }

    private static void AddOneSource(DecodeTable table, string opcode, string name) =>
        table.Add($"000 11110 0 sz 1 {opcode} 10000 Rn:5 Rd:5", name, &OneSource);

    private static void AddTwoSources(DecodeTable table, string opcode, string name) =>
        table.Add($"000 11110 0 sz 1 Rm:5 {opcode} 10 Rn:5 Rd:5", name, &TwoSources);

    private static void AddConversion(DecodeTable table, string from, string to, string name) =>
        table.Add($"000 11110 {from} 1 0001 {to} 10000 Rn:5 Rd:5", name, &ConvertFormat);

    private static Op* OneSource(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        var format = FloatFormat.OfSize(word.FloatSize);
        ulong n = GetScalar(s, word.Rn, word.FloatSize);
        int opcode = word.Bits(15, 6);
        ulong result = opcode switch
        {
            0 => n,
            1 => SoftFloat.Absolute(format, n),
            2 => SoftFloat.Negate(format, n),
            3 => SoftFloat.SquareRoot(s, format, n),
            _ => SoftFloat.RoundToIntegral(s, format, n, RoundingOf(s, opcode & 7), signalsInexact: opcode == 0b001110),
        };
        SetScalar(s, word.Rd, result);
        return op + 1;
    }

    private static FloatRounding RoundingOf(CpuState* s, int opcode) => opcode switch
    {
        < 4 => (FloatRounding)opcode,
        4 => FloatRounding.TiesAway,
        _ => SoftFloat.Rounding(s),
    };

    private static Op* ConvertFormat(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int from = SizeOfType(word.Bits(22, 2)), to = SizeOfType(word.Bits(15, 2));
        ulong n = GetScalar(s, word.Rn, from);
        SetScalar(s, word.Rd, SoftFloat.Convert(s, FloatFormat.OfSize(from), FloatFormat.OfSize(to), n));
        return op + 1;
    }

    private static int SizeOfType(int type) => type switch { 0 => 2, 1 => 3, _ => 1 };

    private static Op* TwoSources(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        var format = FloatFormat.OfSize(word.FloatSize);
        ulong n = GetScalar(s, word.Rn, word.FloatSize), m = GetScalar(s, word.Rm, word.FloatSize);
        ulong result = word.Bits(12, 4) switch
        {
            0 => SoftFloat.Multiply(s, format, n, m),
            1 => SoftFloat.Divide(s, format, n, m),
            2 => SoftFloat.Add(s, format, n, m),
            3 => SoftFloat.Subtract(s, format, n, m),
            4 => SoftFloat.Maximum(s, format, n, m),
            5 => SoftFloat.Minimum(s, format, n, m),
            6 => SoftFloat.MaximumNumber(s, format, n, m),
            7 => SoftFloat.MinimumNumber(s, format, n, m),
            _ => SoftFloat.Negate(format, SoftFloat.Multiply(s, format, n, m)),
        };
        SetScalar(s, word.Rd, result);
        return op + 1;
    }

    private static Op* ThreeSources(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize;
        var format = FloatFormat.OfSize(size);
        ulong addend = GetScalar(s, word.Ra, size);
        ulong n = GetScalar(s, word.Rn, size), m = GetScalar(s, word.Rm, size);
        bool negatesAddend = word.Bit(21), negatesProduct = negatesAddend != word.Bit(15);
        if (negatesAddend)
            addend = SoftFloat.Negate(format, addend);
        if (negatesProduct)
            n = SoftFloat.Negate(format, n);
        SetScalar(s, word.Rd, SoftFloat.MultiplyAdd(s, format, addend, n, m));
        return op + 1;
    }

    private static Op* Compare(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize;
        ulong n = GetScalar(s, word.Rn, size), m = word.Bit(3) ? 0 : GetScalar(s, word.Rm, size);
        s->Nzcv = SoftFloat.Compare(s, FloatFormat.OfSize(size), n, m, quietNaNsSignal: word.Bit(4));
        return op + 1;
    }

    private static Op* ConditionalCompare(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize;
        ulong n = GetScalar(s, word.Rn, size), m = GetScalar(s, word.Rm, size);
        s->Nzcv = Holds(word.Bits(12, 4), s->Nzcv)
            ? SoftFloat.Compare(s, FloatFormat.OfSize(size), n, m, quietNaNsSignal: word.Bit(4))
            : op->Word << 28;
        return op + 1;
    }

    private static Op* Select(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int chosen = Holds(word.Bits(12, 4), s->Nzcv) ? word.Rn : word.Rm;
        SetScalar(s, word.Rd, GetScalar(s, chosen, word.FloatSize));
        return op + 1;
    }

    /// <summary>
    /// ConditionHolds: whether the flags satisfy a condition; the last bit inverts it, except for "always".
    /// </summary>
    private static bool Holds(int condition, uint nzcv)
    {
        var flags = new SimdWord(nzcv);
        bool n = flags.Bit(31), z = flags.Bit(30), c = flags.Bit(29), v = flags.Bit(28);
        bool holds = (condition >> 1) switch
        {
            0 => z,
            1 => c,
            2 => n,
            3 => v,
            4 => c && !z,
            5 => n == v,
            6 => n == v && !z,
            _ => true,
        };
        return holds != ((condition & 1) != 0 && condition != 15);
    }
}
