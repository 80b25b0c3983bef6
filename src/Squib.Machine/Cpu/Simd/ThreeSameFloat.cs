using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD three same, floating point, and the fused multiply-add of vectors.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes; function pointers are of static
// methods.
internal static unsafe class ThreeSameFloat
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        Add(table, "0", "0", "000", "FMAXNM (vector)", &Elements);
        Add(table, "0", "1", "000", "FMINNM (vector)", &Elements);
        Add(table, "0", "0", "001", "FMLA (vector)", &MultiplyAdd);
        Add(table, "0", "1", "001", "FMLS (vector)", &MultiplyAdd);
        Add(table, "0", "0", "010", "FADD (vector)", &Elements);
        Add(table, "0", "1", "010", "FSUB (vector)", &Elements);
        Add(table, "0", "0", "011", "FMULX", &Elements, hasScalar: true);
        Add(table, "0", "0", "100", "FCMEQ (register)", &Elements, hasScalar: true);
        Add(table, "0", "0", "110", "FMAX (vector)", &Elements);
        Add(table, "0", "1", "110", "FMIN (vector)", &Elements);
        Add(table, "0", "0", "111", "FRECPS", &Elements, hasScalar: true);
        Add(table, "0", "1", "111", "FRSQRTS", &Elements, hasScalar: true);
        Add(table, "1", "0", "000", "FMAXNMP (vector)", &Pairs);
        Add(table, "1", "1", "000", "FMINNMP (vector)", &Pairs);
        Add(table, "1", "0", "010", "FADDP (vector)", &Pairs);
        Add(table, "1", "1", "010", "FABD", &Elements, hasScalar: true);
        Add(table, "1", "0", "011", "FMUL (vector)", &Elements);
        Add(table, "1", "0", "100", "FCMGE (register)", &Elements, hasScalar: true);
        Add(table, "1", "1", "100", "FCMGT (register)", &Elements, hasScalar: true);
        Add(table, "1", "0", "101", "FACGE", &Elements, hasScalar: true);
        Add(table, "1", "1", "101", "FACGT", &Elements, hasScalar: true);
        Add(table, "1", "0", "110", "FMAXP (vector)", &Pairs);
        Add(table, "1", "1", "110", "FMINP (vector)", &Pairs);
        Add(table, "1", "0", "111", "FDIV (vector)", &Elements);
    }

    private static void Add(
        DecodeTable table,
        string u,
        string a,
        string opcode,
        string name,
        delegate*<CpuState*, Op*, Op*> execute,
        bool hasScalar = false)
    {
        table.Add($"0 Q {u} 01110 {a} sz 1 Rm:5 11{opcode} 1 Rn:5 Rd:5", name, execute);
        if (hasScalar)
            table.Add($"01 {u} 11110 {a} sz 1 Rm:5 11{opcode} 1 Rn:5 Rd:5", name + ", scalar", execute);
    }

    /// <summary>The operation that U, bit 23, and the lower opcode bits name, of elements or of pairs.</summary>
    private static delegate*<CpuState*, FloatFormat, ulong, ulong, ulong> Operation(SimdWord word) =>
        ((word.U ? 0x10 : 0) | (word.Bit(23) ? 8 : 0) | word.Bits(11, 3)) switch
        {
            0x00 or 0x10 => &SoftFloat.MaximumNumber,
            0x08 or 0x18 => &SoftFloat.MinimumNumber,
            0x02 or 0x12 => &SoftFloat.Add,
            0x0a => &SoftFloat.Subtract,
            0x1a => &AbsoluteDifference,
            0x03 => &SoftFloat.MultiplyExtended,
            0x13 => &SoftFloat.Multiply,
            0x04 => &CompareEqual,
            0x14 => &CompareGreaterOrEqual,
            0x1c => &CompareGreater,
            0x15 => &CompareAbsoluteGreaterOrEqual,
            0x1d => &CompareAbsoluteGreater,
            0x06 or 0x16 => &SoftFloat.Maximum,
            0x0e or 0x1e => &SoftFloat.Minimum,
            0x07 => &SoftFloat.ReciprocalStep,
            0x0f => &SoftFloat.ReciprocalRootStep,
            _ => &SoftFloat.Divide,
        };

    private static Op* Elements(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize;
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        delegate*<CpuState*, FloatFormat, ulong, ulong, ulong> operation = Operation(word);
        var format = FloatFormat.OfSize(size);
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
            result.Set(size, i, operation(s, format, n.Get(size, i), m.Get(size, i)));
        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Pairs(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize;
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        delegate*<CpuState*, FloatFormat, ulong, ulong, ulong> operation = Operation(word);
        var format = FloatFormat.OfSize(size);
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm);
        Vector result = default;
        int lanes = word.Lanes(size);
        for (int i = 0; i < lanes; i++)
        {
            // The pairs are taken from the first operand and then from the second.
            Vector source = 2 * i < lanes ? n : m;
            int pair = (2 * i) & (lanes - 1);
            result.Set(size, i, operation(s, format, source.Get(size, pair), source.Get(size, pair + 1)));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* MultiplyAdd(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize;
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        var format = FloatFormat.OfSize(size);
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm), result = Get(s, word.Rd);
        if (!word.Q)
            result.High = 0;
        for (int i = 0; i < word.Lanes(size); i++)
        {
            ulong factor = n.Get(size, i);
            if (word.Bit(23))
                factor = SoftFloat.Negate(format, factor);
            result.Set(size, i, SoftFloat.MultiplyAdd(s, format, result.Get(size, i), factor, m.Get(size, i)));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static ulong AbsoluteDifference(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        SoftFloat.Absolute(format, SoftFloat.Subtract(s, format, a, b));

    private static ulong CompareEqual(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        SoftFloat.Compare(s, format, a, b, quietNaNsSignal: false) == SoftFloat.Equal ? ulong.MaxValue : 0;

    private static ulong CompareGreaterOrEqual(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        SoftFloat.Compare(s, format, a, b, quietNaNsSignal: true) is SoftFloat.Equal or SoftFloat.Greater
            ? ulong.MaxValue
            : 0;

    private static ulong CompareGreater(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        SoftFloat.Compare(s, format, a, b, quietNaNsSignal: true) == SoftFloat.Greater ? ulong.MaxValue : 0;

    private static ulong CompareAbsoluteGreaterOrEqual(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        CompareGreaterOrEqual(s, format, SoftFloat.Absolute(format, a), SoftFloat.Absolute(format, b));

    private static ulong CompareAbsoluteGreater(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        CompareGreater(s, format, SoftFloat.Absolute(format, a), SoftFloat.Absolute(format, b));
}
