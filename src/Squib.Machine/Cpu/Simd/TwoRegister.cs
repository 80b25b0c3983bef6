using System.Numerics;
using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD two-register miscellaneous, and its scalar form, of integers.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes.
internal static unsafe class TwoRegister
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        Add(table, "0", "00000", "REV64", &Reverse, 0b0111);
        Add(table, "0", "00001", "REV16 (vector)", &Reverse, 0b0001);
        Add(table, "1", "00000", "REV32 (vector)", &Reverse, 0b0011);
        Add(table, "0", "00010", "SADDLP", &AddPairs, 0b0111);
        Add(table, "1", "00010", "UADDLP", &AddPairs, 0b0111);
        Add(table, "0", "00110", "SADALP", &AddPairs, 0b0111);
        Add(table, "1", "00110", "UADALP", &AddPairs, 0b0111);
        Add(table, "0", "00011", "SUQADD", &Lanes, 0b1111, 0b1111);
        Add(table, "1", "00011", "USQADD", &Lanes, 0b1111, 0b1111);
        Add(table, "0", "00100", "CLS (vector)", &Lanes, 0b0111);
        Add(table, "1", "00100", "CLZ (vector)", &Lanes, 0b0111);
        Add(table, "0", "00101", "CNT", &Lanes, 0b0001);
        table.Add("0 Q 1 01110 00 10000 00101 10 Rn:5 Rd:5", "NOT", &Bits);
        table.Add("0 Q 1 01110 01 10000 00101 10 Rn:5 Rd:5", "RBIT (vector)", &Bits);
        Add(table, "0", "00111", "SQABS", &Lanes, 0b1111, 0b1111);
        Add(table, "1", "00111", "SQNEG", &Lanes, 0b1111, 0b1111);
        Add(table, "0", "01000", "CMGT (zero)", &Lanes, 0b1111, 0b1000);
        Add(table, "1", "01000", "CMGE (zero)", &Lanes, 0b1111, 0b1000);
        Add(table, "0", "01001", "CMEQ (zero)", &Lanes, 0b1111, 0b1000);
        Add(table, "1", "01001", "CMLE (zero)", &Lanes, 0b1111, 0b1000);
        Add(table, "0", "01010", "CMLT (zero)", &Lanes, 0b1111, 0b1000);
        Add(table, "0", "01011", "ABS (vector)", &Lanes, 0b1111, 0b1000);
        Add(table, "1", "01011", "NEG (vector)", &Lanes, 0b1111, 0b1000);
        Add(table, "0", "10010", "XTN", &Narrow, 0b0111);
        Add(table, "1", "10010", "SQXTUN", &Narrow, 0b0111, 0b0111);
        Add(table, "0", "10100", "SQXTN", &Narrow, 0b0111, 0b0111);
        Add(table, "1", "10100", "UQXTN", &Narrow, 0b0111, 0b0111);
        Add(table, "1", "10011", "SHLL", &ShiftLong, 0b0111);
        table.Add("0 Q 0 01110 10 1 0000 11100 10 Rn:5 Rd:5", "URECPE", &Estimate);
        table.Add("0 Q 1 01110 10 1 0000 11100 10 Rn:5 Rd:5", "URSQRTE", &Estimate);
    }

    private static void Add(
        DecodeTable table,
        string u,
        string opcode,
        string name,
        delegate*<CpuState*, Op*, Op*> execute,
        int sizes,
        int scalarSizes = 0)
    {
        table.Add($"0 Q {u} 01110 size:2 10000 {opcode} 10 Rn:5 Rd:5", name, execute, word => IsOneOf(word, sizes));
        if (scalarSizes == 0)
            return;
        table.Add(
            $"01 {u} 11110 size:2 10000 {opcode} 10 Rn:5 Rd:5",
            name + ", scalar",
            execute,
            word => IsOneOf(word, scalarSizes));
    }

    private static bool IsOneOf(uint word, int sizes) => ((sizes >> new SimdWord(word).Size) & 1) != 0;

    private static Op* Lanes(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size;
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        int operation = word.Bits(12, 5) | (word.U ? 0x20 : 0);
        Vector n = Get(s, word.Rn), old = Get(s, word.Rd);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
            result.Set(size, i, Lane(s, operation, n.Get(size, i), old.Get(size, i), size));
        Set(s, word.Rd, result);
        return op + 1;
    }

    /// <summary>One lane; the operation is U and the opcode.</summary>
    private static Int128 Lane(CpuState* s, int operation, ulong lane, ulong old, int size)
    {
        long a = Vector.SignExtend(lane, size);
        int unused = 64 - (8 << size);
        return operation switch
        {
            0x03 => Saturate(s, (Int128)lane + Vector.SignExtend(old, size), size, isUnsigned: false),
            0x23 => Saturate(s, (Int128)a + old, size, isUnsigned: true),
            0x04 => BitOperations.LeadingZeroCount((ulong)(a ^ (a >> 63))) - unused - 1,
            0x24 => BitOperations.LeadingZeroCount(lane) - unused,
            0x05 => BitOperations.PopCount(lane),
            0x07 => Saturate(s, Int128.Abs(a), size, isUnsigned: false),
            0x27 => Saturate(s, -(Int128)a, size, isUnsigned: false),
            0x08 => a > 0 ? -1 : 0,
            0x28 => a >= 0 ? -1 : 0,
            0x09 => a == 0 ? -1 : 0,
            0x29 => a <= 0 ? -1 : 0,
            0x0a => a < 0 ? -1 : 0,
            0x0b => Int128.Abs(a),
            _ => -(Int128)a,
        };
    }

    private static Op* Bits(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < word.Lanes(0); i++)
        {
            ulong lane = n.Get(0, i);
            result.Set(0, i, word.Bit(22) ? ReverseBits(lane) : ~lane);
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static ulong ReverseBits(ulong lane)
    {
        lane = ((lane & 0x55) << 1) | ((lane >> 1) & 0x55);
        lane = ((lane & 0x33) << 2) | ((lane >> 2) & 0x33);
        return (lane << 4) | (lane >> 4);
    }

    private static Op* Reverse(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size;
        int containerSize = word.Bit(12) ? 1 : word.U ? 2 : 3;
        int flip = (1 << (containerSize - size)) - 1;
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
            result.Set(size, i, n.Get(size, i ^ flip));
        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* AddPairs(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size;
        bool accumulates = word.Bit(14);
        Vector n = Get(s, word.Rn), old = Get(s, word.Rd);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size + 1); i++)
        {
            Int128 sum = n.Get(size, 2 * i, word.U) + n.Get(size, (2 * i) + 1, word.U);
            result.Set(size + 1, i, accumulates ? sum + old.Get(size + 1, i) : sum);
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Narrow(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size;
        bool isSigned = !word.U || word.Bits(12, 5) == 0b10010;
        bool saturates = word.U || word.Bits(12, 5) == 0b10100;
        Vector n = Get(s, word.Rn);
        Vector half = default;
        for (int i = 0; i < (word.IsScalar ? 1 : 8 >> size); i++)
        {
            Int128 value = n.Get(size + 1, i, !isSigned);
            half.Set(size, i, saturates ? Saturate(s, value, size, word.U) : value);
        }

        SetHalf(s, word, half.Low);
        return op + 1;
    }

    private static Op* ShiftLong(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, lanes = 8 >> size;
        int part = word.Q ? lanes : 0;
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
            result.Set(size + 1, i, n.Get(size, part + i) << (8 << size));
        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Estimate(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < word.Lanes(2); i++)
        {
            uint lane = (uint)n.Get(2, i);
            uint estimate = word.U ? SoftFloat.ReciprocalRootEstimate(lane) : SoftFloat.ReciprocalEstimate(lane);
            result.Set(2, i, (ulong)estimate);
        }

        Set(s, word.Rd, result);
        return op + 1;
    }
}
