using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD permute, extract, and table look-up: lanes change places.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes.
internal static unsafe class Permute
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        Add(table, "001", "UZP1", &Unzip);
        Add(table, "101", "UZP2", &Unzip);
        Add(table, "010", "TRN1", &Transpose);
        Add(table, "110", "TRN2", &Transpose);
        Add(table, "011", "ZIP1", &Zip);
        Add(table, "111", "ZIP2", &Zip);
        table.Add("0 Q 101110 00 0 Rm:5 0 imm4:4 0 Rn:5 Rd:5", "EXT", &Extract);
        table.Add("0 Q 001110 00 0 Rm:5 0 len:2 0 00 Rn:5 Rd:5", "TBL", &LookUp);
        table.Add("0 Q 001110 00 0 Rm:5 0 len:2 1 00 Rn:5 Rd:5", "TBX", &LookUp);
    }

    private static void Add(DecodeTable table, string opcode, string name, delegate*<CpuState*, Op*, Op*> execute) =>
        table.Add(
            $"0 Q 001110 size:2 0 Rm:5 0 {opcode} 10 Rn:5 Rd:5",
            name,
            execute,
            word => !new SimdWord(word).IsReservedLone(new SimdWord(word).Size));

    private static Op* Unzip(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, part = word.Bits(14, 1), lanes = word.Lanes(size);
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
        {
            int from = (2 * i) + part;
            result.Set(size, i, (from < lanes ? n : m).Get(size, from & (lanes - 1)));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Transpose(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, part = word.Bits(14, 1);
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
            result.Set(size, i, ((i & 1) == 0 ? n : m).Get(size, (i & ~1) + part));
        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Zip(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, lanes = word.Lanes(size);
        int first = word.Bit(14) ? lanes / 2 : 0;
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
            result.Set(size, i, ((i & 1) == 0 ? n : m).Get(size, first + (i / 2)));
        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Extract(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int first = word.Bits(11, 4), lanes = word.Lanes(0);
        if (first >= lanes)
            return Exceptions.Undefined(s, op);

        Vector n = Get(s, word.Rn), m = Get(s, word.Rm);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
            result.Set(0, i, (first + i < lanes ? n : m).Get(0, (first + i) & (lanes - 1)));
        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* LookUp(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int bytes = 16 * (word.Bits(13, 2) + 1);
        bool keeps = word.Bit(12);
        Vector indices = Get(s, word.Rm), old = Get(s, word.Rd);
        Vector result = default;
        for (int i = 0; i < word.Lanes(0); i++)
        {
            int index = (int)indices.Get(0, i);
            ulong missing = keeps ? old.Get(0, i) : 0;

            // The table's registers follow each other, and V0 follows V31.
            result.Set(0, i, index < bytes ? Get(s, (word.Rn + (index / 16)) & 31).Get(0, index & 15) : missing);
        }

        Set(s, word.Rd, result);
        return op + 1;
    }
}
