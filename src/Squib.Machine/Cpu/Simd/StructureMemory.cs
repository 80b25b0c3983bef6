using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>
/// AdvSIMD load/store structures: LD1 to LD4, ST1 to ST4, of whole registers, of one lane, and replicating one.
/// </summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes; an X register is 0 to 32, of 34.
internal static unsafe class StructureMemory
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        AddMultiple(table, "0000", "LD4/ST4 (multiple structures)");
        AddMultiple(table, "0010", "LD1/ST1 (multiple structures), four registers");
        AddMultiple(table, "0100", "LD3/ST3 (multiple structures)");
        AddMultiple(table, "0110", "LD1/ST1 (multiple structures), three registers");
        AddMultiple(table, "0111", "LD1/ST1 (multiple structures), one register");
        AddMultiple(table, "1000", "LD2/ST2 (multiple structures)");
        AddMultiple(table, "1010", "LD1/ST1 (multiple structures), two registers");
        AddSingle(table, "0", "0", "1");
        AddSingle(table, "1", "0", "2");
        AddSingle(table, "0", "1", "3");
        AddSingle(table, "1", "1", "4");
    }

    private static void AddMultiple(DecodeTable table, string opcode, string name)
    {
        table.Add($"0 Q 0011000 L 000000 {opcode} size:2 Rn:5 Rt:5", name, &Multiple);
        table.Add($"0 Q 0011001 L 0 Rm:5 {opcode} size:2 Rn:5 Rt:5", name + ", post-index", &Multiple);
    }

    private static void AddSingle(DecodeTable table, string r, string high, string count)
    {
        string name = $"LD{count}/ST{count} (single structure)";
        AddSingle(table, "L", r, $"00 {high} S size:2", name + ", 8 bits", &Lane);
        AddSingle(table, "L", r, $"01 {high} S size 0", name + ", 16 bits", &Lane);
        AddSingle(table, "L", r, $"10 {high} S 00", name + ", 32 bits", &Lane);
        AddSingle(table, "L", r, $"10 {high} 0 01", name + ", 64 bits", &Lane);
        AddSingle(table, "1", r, $"11 {high} 0 size:2", $"LD{count}R", &Replicate);
    }

    private static void AddSingle(
        DecodeTable table, string load, string r, string rest, string name, delegate*<CpuState*, Op*, Op*> execute)
    {
        table.Add($"0 Q 0011010 {load} {r} 00000 {rest} Rn:5 Rt:5", name, execute);
        table.Add($"0 Q 0011011 {load} {r} Rm:5 {rest} Rn:5 Rt:5", name + ", post-index", execute);
    }

    private static Op* Multiple(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Bits(10, 2), opcode = word.Bits(12, 4);
        int structure = opcode switch { 0b0000 => 4, 0b0100 => 3, 0b1000 => 2, _ => 1 };
        int repeats = opcode switch { 0b0010 => 4, 0b0110 => 3, 0b1010 => 2, _ => 1 };
        if (size == 3 && !word.Q && structure != 1)
            return Exceptions.Undefined(s, op);

        int lanes = word.Lanes(size);
        ulong address = Base(s, word);
        int bytes = repeats * structure * (word.Q ? 16 : 8);
        bool isLoad = word.Bit(22);
        if (!Mem.Probe(s, op, address, bytes, write: !isLoad))
            return s->Next;

        for (int repeat = 0; repeat < repeats; repeat++)
        {
            for (int i = 0; i < lanes * structure; i++, address += 1UL << size)
            {
                int register = (word.Rd + repeat + (i % structure)) & 31;
                if (!Transfer(s, op, isLoad, register, size, i / structure, address))
                    return s->Next;
            }
        }

        for (int i = 0; isLoad && !word.Q && i < repeats * structure; i++)
            s->V[(2 * ((word.Rd + i) & 31)) + 1] = 0;
        WriteBack(s, word, bytes);
        return op + 1;
    }

    private static Op* Lane(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Bits(14, 2);

        // Q:S:size is the number of the byte in the register, whose lowest bits the lane's size takes away.
        int index = ((word.Q ? 8 : 0) | word.Bits(10, 3)) >> size;
        if (size == 2 && word.Bit(10))
            (size, index) = (3, word.Q ? 1 : 0);
        int structure = Structure(word);
        ulong address = Base(s, word);
        bool isLoad = word.Bit(22);
        if (!Mem.Probe(s, op, address, structure << size, write: !isLoad))
            return s->Next;

        for (int i = 0; i < structure; i++, address += 1UL << size)
        {
            if (!Transfer(s, op, isLoad, (word.Rd + i) & 31, size, index, address))
                return s->Next;
        }

        WriteBack(s, word, structure << size);
        return op + 1;
    }

    private static Op* Replicate(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Bits(10, 2), structure = Structure(word);
        ulong address = Base(s, word);
        if (!Mem.Probe(s, op, address, structure << size, write: false))
            return s->Next;

        for (int i = 0; i < structure; i++, address += 1UL << size)
        {
            if (!Load(s, op, size, address, out ulong value))
                return s->Next;
            Set(s, (word.Rd + i) & 31, Vector.Replicate(value, size, word.Q));
        }

        WriteBack(s, word, structure << size);
        return op + 1;
    }

    /// <summary>How many registers a single structure has: R and the lowest bit of the opcode.</summary>
    private static int Structure(SimdWord word) => 1 + word.Bits(21, 1) + (2 * word.Bits(13, 1));

    private static int BaseRegister(SimdWord word) => word.Rn == 31 ? CpuState.Sp : word.Rn;

    private static ulong Base(CpuState* s, SimdWord word) => s->X[BaseRegister(word)];

    /// <summary>Post-index: adds Rm, or the number of bytes where that is 31.</summary>
    private static void WriteBack(CpuState* s, SimdWord word, int bytes)
    {
        if (word.Bit(23))
            s->X[BaseRegister(word)] += word.Rm == 31 ? (ulong)bytes : s->X[word.Rm];
    }

    private static bool Transfer(CpuState* s, Op* op, bool isLoad, int register, int size, int lane, ulong address)
    {
        Vector vector = Get(s, register);
        if (!isLoad)
            return Store(s, op, size, address, vector.Get(size, lane));
        if (!Load(s, op, size, address, out ulong value))
            return false;
        vector.Set(size, lane, value);
        Set(s, register, vector);
        return true;
    }

    private static bool Load(CpuState* s, Op* op, int size, ulong address, out ulong value) => size switch
    {
        0 => Mem.Load8(s, op, address, out value),
        1 => Mem.Load16(s, op, address, out value),
        2 => Mem.Load32(s, op, address, out value),
        _ => Mem.Load64(s, op, address, out value),
    };

    private static bool Store(CpuState* s, Op* op, int size, ulong address, ulong value) => size switch
    {
        0 => Mem.Store8(s, op, address, value),
        1 => Mem.Store16(s, op, address, value),
        2 => Mem.Store32(s, op, address, value),
        _ => Mem.Store64(s, op, address, value),
    };
}
