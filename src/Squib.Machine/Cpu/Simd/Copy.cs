using System.Numerics;
using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD copy: single lanes to and from lanes and X registers.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes; an X register is 0 to 31, of 34.
internal static unsafe class Copy
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        table.Add("0 Q 0 01110000 imm5:5 0 0000 1 Rn:5 Rd:5", "DUP (element)", &DuplicateElement, HasSize);
        table.Add("01 0 11110000 imm5:5 0 0000 1 Rn:5 Rd:5", "DUP (element), scalar", &DuplicateElement, HasSize);
        table.Add("0 Q 0 01110000 imm5:5 0 0001 1 Rn:5 Rd:5", "DUP (general)", &DuplicateGeneral, HasSize);
        table.Add("0 Q 0 01110000 imm5:5 0 0101 1 Rn:5 Rd:5", "SMOV", &MoveSigned, HasSize);
        table.Add("0 Q 0 01110000 imm5:5 0 0111 1 Rn:5 Rd:5", "UMOV", &MoveUnsigned, HasSize);
        table.Add("0 1 0 01110000 imm5:5 0 0011 1 Rn:5 Rd:5", "INS (general)", &InsertGeneral, HasSize);
        table.Add("0 1 1 01110000 imm5:5 0 imm4:4 1 Rn:5 Rd:5", "INS (element)", &InsertElement, HasSize);
    }

    /// <summary>The lowest set bit of imm5 is the size; without one there is none.</summary>
    private static bool HasSize(uint word) => new SimdWord(word).Bits(16, 4) != 0;

    /// <summary>The size of the lane, and its index: the bits of imm5 above the one that tells the size.</summary>
    private static (int Size, int Index) Lane(SimdWord word)
    {
        int size = BitOperations.TrailingZeroCount(word.Bits(16, 5));
        return (size, word.Bits(16, 5) >> (size + 1));
    }

    private static Op* DuplicateElement(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        (int size, int index) = Lane(word);
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        ulong element = Get(s, word.Rn).Get(size, index);
        Set(s, word.Rd, word.IsScalar ? new Vector(element, 0) : Vector.Replicate(element, size, word.Q));
        return op + 1;
    }

    private static Op* DuplicateGeneral(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        (int size, _) = Lane(word);
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        Set(s, word.Rd, Vector.Replicate(s->X[word.Rn], size, word.Q));
        return op + 1;
    }

    private static Op* MoveSigned(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        (int size, int index) = Lane(word);
        if (size > (word.Q ? 2 : 1))
            return Exceptions.Undefined(s, op);

        long element = Vector.SignExtend(Get(s, word.Rn).Get(size, index), size);
        SetGeneral(s, word.Rd, word.Q ? (ulong)element : (uint)element);
        return op + 1;
    }

    private static Op* MoveUnsigned(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        (int size, int index) = Lane(word);
        if (word.Q != (size == 3))
            return Exceptions.Undefined(s, op);

        SetGeneral(s, word.Rd, Get(s, word.Rn).Get(size, index));
        return op + 1;
    }

    private static Op* InsertGeneral(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        (int size, int index) = Lane(word);
        Vector result = Get(s, word.Rd);
        result.Set(size, index, s->X[word.Rn]);
        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* InsertElement(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        (int size, int index) = Lane(word);
        Vector result = Get(s, word.Rd);
        result.Set(size, index, Get(s, word.Rn).Get(size, word.Bits(11, 4) >> size));
        Set(s, word.Rd, result);
        return op + 1;
    }
}
