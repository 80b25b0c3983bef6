using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD modified immediate, and floating-point constants: eight bits that stand for a value.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes.
internal static unsafe class Immediate
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        Add(table, "0", "0 hw:2 0", "MOVI, 32 bits", &Move);
        Add(table, "0", "10 hw 0", "MOVI, 16 bits", &Move);
        Add(table, "0", "110 ones", "MOVI, 32 bits shifting ones", &Move);
        Add(table, "0", "1110", "MOVI, 8 bits", &Move);
        Add(table, "0", "1111", "FMOV (vector, immediate), single", &Move);
        Add(table, "0", "0 hw:2 1", "ORR (vector, immediate), 32 bits", &SetBits);
        Add(table, "0", "10 hw 1", "ORR (vector, immediate), 16 bits", &SetBits);
        Add(table, "1", "0 hw:2 0", "MVNI, 32 bits", &MoveInverted);
        Add(table, "1", "10 hw 0", "MVNI, 16 bits", &MoveInverted);
        Add(table, "1", "110 ones", "MVNI, 32 bits shifting ones", &MoveInverted);
        Add(table, "1", "1110", "MOVI, 64 bits", &Move);
        Add(table, "1", "0 hw:2 1", "BIC (vector, immediate), 32 bits", &ClearBits);
        Add(table, "1", "10 hw 1", "BIC (vector, immediate), 16 bits", &ClearBits);
        table.Add("0 1 1 0111100000 abc:3 1111 0 1 defgh:5 Rd:5", "FMOV (vector, immediate), double", &Move);
        table.Add("000 11110 0 sz 1 imm8:8 100 00000 Rd:5", "FMOV (scalar, immediate)", &MoveScalar);
    }

    private static void Add(
        DecodeTable table, string op, string cmode, string name, delegate*<CpuState*, Op*, Op*> execute) =>
        table.Add($"0 Q {op} 0111100000 abc:3 {cmode} 0 1 defgh:5 Rd:5", name, execute);

    /// <summary>
    /// VFPExpandImm: the floating-point number that eight bits stand for: a sign, three bits of exponent, four of
    /// fraction.
    /// </summary>
    private static ulong ExpandFloat(FloatFormat format, int imm8)
    {
        int exponent = format.Bias + 1 + ((imm8 >> 4) & 3);
        if ((imm8 & 0x40) != 0)
            exponent -= 4;
        return format.Pack((imm8 & 0x80) != 0, exponent, (ulong)(imm8 & 15) << (format.FractionBits - 4));
    }

    /// <summary>AdvSIMDExpandImm: the 64 bits that all halves of the vector get.</summary>
    private static ulong Expand(SimdWord word)
    {
        int imm8 = (word.Bits(16, 3) << 5) | word.Bits(5, 5);
        int cmode = word.Bits(12, 4);
        return cmode switch
        {
            < 8 => Vector.Replicate((ulong)imm8 << (8 * (cmode >> 1)), 2, false).Low,
            < 12 => Vector.Replicate((ulong)imm8 << (8 * ((cmode >> 1) & 1)), 1, false).Low,
            12 => Vector.Replicate(((ulong)imm8 << 8) | 0xff, 2, false).Low,
            13 => Vector.Replicate(((ulong)imm8 << 16) | 0xffff, 2, false).Low,
            14 when !word.U => Vector.Replicate((ulong)imm8, 0, false).Low,
            14 => ExpandBits(imm8),
            _ when word.U => ExpandFloat(FloatFormat.Double, imm8),
            _ => Vector.Replicate(ExpandFloat(FloatFormat.Single, imm8), 2, false).Low,
        };
    }

    /// <summary>Each bit becomes a byte of ones or zeros.</summary>
    private static ulong ExpandBits(int imm8)
    {
        ulong result = 0;
        for (int i = 0; i < 8; i++)
        {
            if (((imm8 >> i) & 1) != 0)
                result |= 0xffUL << (8 * i);
        }

        return result;
    }

    private static Op* Put(CpuState* s, Op* op, ulong low, ulong high)
    {
        var word = new SimdWord(op->Word);
        Set(s, word.Rd, new Vector(low, word.Q ? high : 0));
        return op + 1;
    }

    private static Op* Move(CpuState* s, Op* op)
    {
        ulong value = Expand(new SimdWord(op->Word));
        return Put(s, op, value, value);
    }

    private static Op* MoveInverted(CpuState* s, Op* op)
    {
        ulong value = ~Expand(new SimdWord(op->Word));
        return Put(s, op, value, value);
    }

    private static Op* SetBits(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        ulong value = Expand(word);
        Vector old = Get(s, word.Rd);
        return Put(s, op, old.Low | value, old.High | value);
    }

    private static Op* ClearBits(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        ulong value = Expand(word);
        Vector old = Get(s, word.Rd);
        return Put(s, op, old.Low & ~value, old.High & ~value);
    }

    private static Op* MoveScalar(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        SetScalar(s, word.Rd, ExpandFloat(FloatFormat.OfSize(word.FloatSize), word.Bits(13, 8)));
        return op + 1;
    }
}
