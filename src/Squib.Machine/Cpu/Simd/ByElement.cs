using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>
/// AdvSIMD vector, and scalar, by indexed element: every lane is multiplied by one lane of another vector.
/// </summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes.
internal static unsafe class ByElement
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        AddVector(table, "1", "0000", "MLA", &Same);
        AddVector(table, "1", "0100", "MLS", &Same);
        AddVector(table, "0", "1000", "MUL", &Same);
        AddBoth(table, "0", "1100", "SQDMULH", &Same);
        AddBoth(table, "0", "1101", "SQRDMULH", &Same);
        AddVector(table, "0", "0010", "SMLAL", &Long);
        AddVector(table, "1", "0010", "UMLAL", &Long);
        AddVector(table, "0", "0110", "SMLSL", &Long);
        AddVector(table, "1", "0110", "UMLSL", &Long);
        AddVector(table, "0", "1010", "SMULL", &Long);
        AddVector(table, "1", "1010", "UMULL", &Long);
        AddBoth(table, "0", "0011", "SQDMLAL", &Long);
        AddBoth(table, "0", "0111", "SQDMLSL", &Long);
        AddBoth(table, "0", "1011", "SQDMULL", &Long);
        AddFloat(table, "0", "0001", "FMLA");
        AddFloat(table, "0", "0101", "FMLS");
        AddFloat(table, "0", "1001", "FMUL");
        AddFloat(table, "1", "1001", "FMULX");
    }

    private static void AddVector(
        DecodeTable table, string u, string opcode, string name, delegate*<CpuState*, Op*, Op*> execute) =>
        table.Add($"0 Q {u} 01111 size:2 L M Rm:4 {opcode} H 0 Rn:5 Rd:5", name + " (by element)", execute, Is16Or32);

    private static void AddBoth(
        DecodeTable table, string u, string opcode, string name, delegate*<CpuState*, Op*, Op*> execute)
    {
        AddVector(table, u, opcode, name, execute);
        table.Add(
            $"01 {u} 11111 size:2 L M Rm:4 {opcode} H 0 Rn:5 Rd:5", name + " (by element), scalar", execute, Is16Or32);
    }

    private static void AddFloat(DecodeTable table, string u, string opcode, string name)
    {
        table.Add($"0 Q {u} 01111 1 sz L M Rm:4 {opcode} H 0 Rn:5 Rd:5", name + " (by element)", &Float);
        table.Add($"01 {u} 11111 1 sz L M Rm:4 {opcode} H 0 Rn:5 Rd:5", name + " (by element), scalar", &Float);
    }

    private static bool Is16Or32(uint word) => new SimdWord(word).Size is 1 or 2;

    /// <summary>The element of 16 or 32 bits that all lanes are multiplied by; of 16 bits, only in V0 to V15.</summary>
    private static ulong Element(CpuState* s, SimdWord word)
    {
        int high = word.Bits(11, 1), low = word.Bits(21, 1);
        return word.Size == 1
            ? Get(s, word.Rm & 15).Get(1, (high << 2) | (low << 1) | word.Bits(20, 1))
            : Get(s, word.Rm).Get(2, (high << 1) | low);
    }

    private static Op* Same(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size;
        ulong element = Element(s, word);
        Vector n = Get(s, word.Rn), old = Get(s, word.Rd);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
        {
            ulong a = n.Get(size, i), sum = old.Get(size, i);
            result.Set(size, i, word.Bits(12, 4) switch
            {
                0b0000 => sum + (a * element),
                0b0100 => sum - (a * element),
                0b1000 => a * element,
                0b1100 => (ulong)ThreeSame.DoublingHighProduct(s, a, element, size, rounds: false),
                _ => (ulong)ThreeSame.DoublingHighProduct(s, a, element, size, rounds: true),
            });
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* Long(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size, lanes = word.IsScalar ? 1 : 8 >> size;
        int part = word.Q && !word.IsScalar ? lanes : 0;
        int opcode = Opcode(word.Bits(12, 4));
        ulong element = Element(s, word);
        Int128 b = word.U ? element : Vector.SignExtend(element, size);
        Vector n = Get(s, word.Rn), old = Get(s, word.Rd);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
        {
            Int128 a = n.Get(size, part + i, word.U);
            result.Set(size + 1, i, ThreeDifferent.Lane(s, opcode, a, b, old.Get(size + 1, i), size + 1));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    /// <summary>The opcode that the same operation has in the group three different.</summary>
    private static int Opcode(int opcode) => opcode switch
    {
        0b0010 => 0b1000,
        0b0110 => 0b1010,
        0b1010 => 0b1100,
        0b0011 => 0b1001,
        0b0111 => 0b1011,
        _ => 0b1101,
    };

    private static Op* Float(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = word.FloatSize, high = word.Bits(11, 1), low = word.Bits(21, 1);
        if (word.IsReservedLone(size) || (size == 3 && low != 0))
            return Exceptions.Undefined(s, op);

        var format = FloatFormat.OfSize(size);
        ulong element = Get(s, word.Rm).Get(size, size == 2 ? (high << 1) | low : high);
        Vector n = Get(s, word.Rn), old = Get(s, word.Rd);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
        {
            ulong a = n.Get(size, i);
            result.Set(size, i, word.Bits(12, 4) switch
            {
                0b0001 => SoftFloat.MultiplyAdd(s, format, old.Get(size, i), a, element),
                0b0101 => SoftFloat.MultiplyAdd(s, format, old.Get(size, i), SoftFloat.Negate(format, a), element),
                _ when word.U => SoftFloat.MultiplyExtended(s, format, a, element),
                _ => SoftFloat.Multiply(s, format, a, element),
            });
        }

        Set(s, word.Rd, result);
        return op + 1;
    }
}
