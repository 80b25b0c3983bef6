using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD three different: lanes of the result or of an operand are twice as wide as the others.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes.
internal static unsafe class ThreeDifferent
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        Both(table, "0000", "SADDL", "UADDL", &Long);
        Both(table, "0001", "SADDW", "UADDW", &Wide);
        Both(table, "0010", "SSUBL", "USUBL", &Long);
        Both(table, "0011", "SSUBW", "USUBW", &Wide);
        Both(table, "0100", "ADDHN", "RADDHN", &Narrow);
        Both(table, "0101", "SABAL", "UABAL", &Long);
        Both(table, "0110", "SUBHN", "RSUBHN", &Narrow);
        Both(table, "0111", "SABDL", "UABDL", &Long);
        Both(table, "1000", "SMLAL (vector)", "UMLAL (vector)", &Long);
        Both(table, "1010", "SMLSL (vector)", "UMLSL (vector)", &Long);
        Both(table, "1100", "SMULL (vector)", "UMULL (vector)", &Long);
        Doubling(table, "1001", "SQDMLAL (vector)");
        Doubling(table, "1011", "SQDMLSL (vector)");
        Doubling(table, "1101", "SQDMULL (vector)");
        table.Add("0 Q 0 01110 00 1 Rm:5 1110 00 Rn:5 Rd:5", "PMULL", &Long);
    }

    /// <summary>One wide lane of a long operation.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="opcode">The opcode of this group, which multiplications by element share.</param>
    /// <param name="a">A lane of the first operand, extended.</param>
    /// <param name="b">A lane of the second operand, extended.</param>
    /// <param name="old">The lane of the destination.</param>
    /// <param name="size">The size of the wide lane.</param>
    internal static Int128 Lane(CpuState* s, int opcode, Int128 a, Int128 b, ulong old, int size) => opcode switch
    {
        0b0000 or 0b0001 => a + b,
        0b0010 or 0b0011 => a - b,
        0b0101 => old + Int128.Abs(a - b),
        0b0111 => Int128.Abs(a - b),
        0b1000 => old + (a * b),
        0b1010 => old - (a * b),
        0b1100 => a * b,
        0b1001 => Saturate(s, Vector.SignExtend(old, size) + Saturate(s, 2 * a * b, size, false), size, false),
        0b1011 => Saturate(s, Vector.SignExtend(old, size) - Saturate(s, 2 * a * b, size, false), size, false),
        0b1101 => Saturate(s, 2 * a * b, size, false),
        _ => ThreeSame.PolynomialProduct((uint)a & 0xff, (uint)b & 0xff),
    };

    private static void Both(
        DecodeTable table, string opcode, string plainName, string otherName, delegate*<CpuState*, Op*, Op*> execute)
    {
        table.Add($"0 Q 0 01110 size:2 1 Rm:5 {opcode} 00 Rn:5 Rd:5", plainName, execute, IsNot64);
        table.Add($"0 Q 1 01110 size:2 1 Rm:5 {opcode} 00 Rn:5 Rd:5", otherName, execute, IsNot64);
    }

    private static void Doubling(DecodeTable table, string opcode, string name)
    {
        table.Add($"0 Q 0 01110 size:2 1 Rm:5 {opcode} 00 Rn:5 Rd:5", name, &Long, Is16Or32);
        table.Add($"01 0 11110 size:2 1 Rm:5 {opcode} 00 Rn:5 Rd:5", name + ", scalar", &Long, Is16Or32);
    }

    private static bool IsNot64(uint word) => new SimdWord(word).Size != 3;

    private static bool Is16Or32(uint word) => new SimdWord(word).Size is 1 or 2;

    private static Op* Long(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, lanes = word.IsScalar ? 1 : 8 >> size;
        int part = word.Q && !word.IsScalar ? lanes : 0;
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm), old = Get(s, word.Rd);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
        {
            Int128 a = n.Get(size, part + i, word.U), b = m.Get(size, part + i, word.U);
            result.Set(size + 1, i, Lane(s, word.Bits(12, 4), a, b, old.Get(size + 1, i), size + 1));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Wide(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, lanes = 8 >> size;
        int part = word.Q ? lanes : 0;
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
        {
            Int128 a = n.Get(size + 1, i, word.U), b = m.Get(size, part + i, word.U);
            result.Set(size + 1, i, Lane(s, word.Bits(12, 4), a, b, 0, size + 1));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Narrow(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, lanes = 8 >> size, narrowBits = 8 << size;
        bool isSubtraction = word.Bit(13);
        ulong rounding = word.U ? 1UL << (narrowBits - 1) : 0;
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm);
        Vector half = default;
        for (int i = 0; i < lanes; i++)
        {
            ulong a = n.Get(size + 1, i), b = m.Get(size + 1, i);
            half.Set(size, i, ((isSubtraction ? a - b : a + b) + rounding) >> narrowBits);
        }

        SetHalf(s, word, half.Low);
        return op + 1;
    }
}
