using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD across lanes, and scalar pairwise: all lanes of a vector become one.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes; function pointers are of static
// methods.
internal static unsafe class AcrossLanes
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        AddInteger(table, "0", "00011", "SADDLV");
        AddInteger(table, "1", "00011", "UADDLV");
        AddInteger(table, "0", "01010", "SMAXV");
        AddInteger(table, "1", "01010", "UMAXV");
        AddInteger(table, "0", "11010", "SMINV");
        AddInteger(table, "1", "11010", "UMINV");
        AddInteger(table, "0", "11011", "ADDV");
        table.Add("01 0 11110 11 11000 11011 10 Rn:5 Rd:5", "ADDP (scalar)", &AddPair);
        AddFloat(table, "0", "01100", "FMAXNM");
        AddFloat(table, "1", "01100", "FMINNM");
        AddFloat(table, "0", "01111", "FMAX");
        AddFloat(table, "1", "01111", "FMIN");
        AddFloatPair(table, "0", "01101", "FADD");
    }

    private static void AddInteger(DecodeTable table, string u, string opcode, string name) =>
        table.Add($"0 Q {u} 01110 size:2 11000 {opcode} 10 Rn:5 Rd:5", name, &Integer);

    private static void AddFloat(DecodeTable table, string a, string opcode, string name)
    {
        table.Add($"0 1 1 01110 {a} 0 11000 {opcode} 10 Rn:5 Rd:5", name + "V", &Float);
        AddFloatPair(table, a, opcode, name);
    }

    private static void AddFloatPair(DecodeTable table, string a, string opcode, string name) =>
        table.Add($"01 1 11110 {a} sz 11000 {opcode} 10 Rn:5 Rd:5", name + "P (scalar)", &Float);

    private static Op* Integer(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, lanes = word.Lanes(size);
        if (size == 3 || lanes < 4)
            return Exceptions.Undefined(s, op);

        Vector n = Get(s, word.Rn);
        int opcode = word.Bits(12, 5);
        Int128 result = n.Get(size, 0, word.U);
        for (int i = 1; i < lanes; i++)
        {
            Int128 lane = n.Get(size, i, word.U);
            result = opcode switch
            {
                0b01010 => Int128.Max(result, lane),
                0b11010 => Int128.Min(result, lane),
                _ => result + lane,
            };
        }

        int resultSize = opcode == 0b00011 ? size + 1 : size;
        SetScalar(s, word.Rd, (ulong)result & Vector.Mask(resultSize));
        return op + 1;
    }

    private static Op* AddPair(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        Vector n = Get(s, word.Rn);
        SetScalar(s, word.Rd, n.Low + n.High);
        return op + 1;
    }

    private static Op* Float(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize;
        delegate*<CpuState*, FloatFormat, ulong, ulong, ulong> operation =
            (word.Bits(12, 5) | (word.Bit(23) ? 0x20 : 0)) switch
            {
                0x0c => &SoftFloat.MaximumNumber,
                0x2c => &SoftFloat.MinimumNumber,
                0x0f => &SoftFloat.Maximum,
                0x2f => &SoftFloat.Minimum,
                _ => &SoftFloat.Add,
            };
        SetScalar(s, word.Rd, Reduce(s, operation, Get(s, word.Rn), size, 0, word.IsScalar ? 2 : 4));
        return op + 1;
    }

    /// <summary>The two halves are reduced first: the order shows in which NaN survives.</summary>
    private static ulong Reduce(
        CpuState* s,
        delegate*<CpuState*, FloatFormat, ulong, ulong, ulong> operation,
        Vector vector,
        int size,
        int first,
        int lanes)
    {
        if (lanes == 1)
            return vector.Get(size, first);
        int half = lanes / 2;
        ulong low = Reduce(s, operation, vector, size, first, half);
        ulong high = Reduce(s, operation, vector, size, first + half, half);
        return operation(s, FloatFormat.OfSize(size), low, high);
    }
}
