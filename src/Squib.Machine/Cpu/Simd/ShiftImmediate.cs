using System.Numerics;
using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD, and scalar, shift by immediate, and conversions from and to fixed point.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes.
internal static unsafe class ShiftImmediate
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        AddBoth(table, "00000", "SSHR", "USHR", &Lanes, Only64);
        AddBoth(table, "00010", "SSRA", "USRA", &Lanes, Only64);
        AddBoth(table, "00100", "SRSHR", "URSHR", &Lanes, Only64);
        AddBoth(table, "00110", "SRSRA", "URSRA", &Lanes, Only64);
        Add(table, "1", "01000", "SRI", &Lanes, Any, Only64);
        AddBoth(table, "01010", "SHL", "SLI", &Lanes, Only64);
        Add(table, "1", "01100", "SQSHLU", &Lanes, Any, Any);
        AddBoth(table, "01110", "SQSHL (immediate)", "UQSHL (immediate)", &Lanes, Any);
        Add(table, "0", "10000", "SHRN", &Narrow, UpTo32, null);
        Add(table, "0", "10001", "RSHRN", &Narrow, UpTo32, null);
        Add(table, "1", "10000", "SQSHRUN", &Narrow, UpTo32, UpTo32);
        Add(table, "1", "10001", "SQRSHRUN", &Narrow, UpTo32, UpTo32);
        Add(table, "0", "10010", "SQSHRN", &Narrow, UpTo32, UpTo32);
        Add(table, "1", "10010", "UQSHRN", &Narrow, UpTo32, UpTo32);
        Add(table, "0", "10011", "SQRSHRN", &Narrow, UpTo32, UpTo32);
        Add(table, "1", "10011", "UQRSHRN", &Narrow, UpTo32, UpTo32);
        Add(table, "0", "10100", "SSHLL", &Long, UpTo32, null);
        Add(table, "1", "10100", "USHLL", &Long, UpTo32, null);
        Add(table, "0", "11100", "SCVTF (vector, fixed-point)", &FromFixed, From32, From32);
        Add(table, "1", "11100", "UCVTF (vector, fixed-point)", &FromFixed, From32, From32);
        Add(table, "0", "11111", "FCVTZS (vector, fixed-point)", &ToFixed, From32, From32);
        Add(table, "1", "11111", "FCVTZU (vector, fixed-point)", &ToFixed, From32, From32);
    }

    private static void AddBoth(
        DecodeTable table,
        string opcode,
        string plainName,
        string otherName,
        delegate*<CpuState*, Op*, Op*> execute,
        Func<uint, bool> scalar)
    {
        Add(table, "0", opcode, plainName, execute, Any, scalar);
        Add(table, "1", opcode, otherName, execute, Any, scalar);
    }

    private static void Add(
        DecodeTable table,
        string u,
        string opcode,
        string name,
        delegate*<CpuState*, Op*, Op*> execute,
        Func<uint, bool> vector,
        Func<uint, bool>? scalar)
    {
        table.Add($"0 Q {u} 011110 immh:4 immb:3 {opcode} 1 Rn:5 Rd:5", name, execute, vector);
        if (scalar != null)
            table.Add($"01 {u} 111110 immh:4 immb:3 {opcode} 1 Rn:5 Rd:5", name + ", scalar", execute, scalar);
    }

    // The highest set bit of immh is the size; without one the word is a modified immediate or nothing.
    private static bool Any(uint word) => new SimdWord(word).Bits(19, 4) != 0;

    private static bool UpTo32(uint word) => new SimdWord(word).Bits(19, 4) is >= 1 and <= 7;

    private static bool From32(uint word) => new SimdWord(word).Bits(19, 4) >= 4;

    private static bool Only64(uint word) => new SimdWord(word).Bits(19, 4) >= 8;

    /// <summary>The size of the lanes: the highest set bit of immh.</summary>
    private static int Size(SimdWord word) => BitOperations.Log2((uint)word.Bits(19, 4));

    /// <summary>How far to shift left: immh:immb counts up from the lane's width.</summary>
    private static int LeftDistance(SimdWord word, int size) => word.Bits(16, 7) - (8 << size);

    /// <summary>How far to shift right: immh:immb counts down from twice the lane's width.</summary>
    private static int RightDistance(SimdWord word, int size) => (16 << size) - word.Bits(16, 7);

    private static Op* Lanes(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = Size(word);
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        int operation = word.Bits(11, 5) | (word.U ? 0x20 : 0);
        int left = LeftDistance(word, size), right = RightDistance(word, size);
        Vector n = Get(s, word.Rn), old = Get(s, word.Rd);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
        {
            // SQSHLU is signed in spite of its U bit.
            Int128 a = n.Get(size, i, word.U && operation != 0x2c);
            result.Set(size, i, Lane(s, operation, a, old.Get(size, i), size, left, right));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    /// <summary>One lane; the operation is U and the opcode.</summary>
    private static Int128 Lane(CpuState* s, int operation, Int128 a, ulong old, int size, int left, int right)
    {
        ulong mask = Vector.Mask(size);
        return operation switch
        {
            0x00 or 0x20 => Shift(a, -right, rounds: false),
            0x02 or 0x22 => old + Shift(a, -right, rounds: false),
            0x04 or 0x24 => Shift(a, -right, rounds: true),
            0x06 or 0x26 => old + Shift(a, -right, rounds: true),
            0x28 => Shift(a, -right, rounds: false) | (old & ~(ulong)Shift(mask, -right, rounds: false)),
            0x0a => a << left,
            0x2a => (a << left) | (old & ~(mask << left)),
            0x2c => Saturate(s, a << left, size, isUnsigned: true),
            0x0e => Saturate(s, a << left, size, isUnsigned: false),
            _ => Saturate(s, a << left, size, isUnsigned: true),
        };
    }

    private static Op* Narrow(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = Size(word), right = RightDistance(word, size), opcode = word.Bits(11, 5);

        // With U, the first two opcodes take signed lanes to unsigned ones, the other two unsigned to unsigned.
        bool takesUnsigned = word.U && opcode >= 0b10010;
        bool saturates = word.U || opcode >= 0b10010;
        Vector n = Get(s, word.Rn);
        Vector half = default;
        for (int i = 0; i < (word.IsScalar ? 1 : 8 >> size); i++)
        {
            Int128 value = Shift(n.Get(size + 1, i, takesUnsigned), -right, rounds: (opcode & 1) != 0);
            half.Set(size, i, saturates ? Saturate(s, value, size, word.U) : value);
        }

        SetHalf(s, word, half.Low);
        return op + 1;
    }

    private static Op* Long(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = Size(word), left = LeftDistance(word, size), lanes = 8 >> size;
        int part = word.Q ? lanes : 0;
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < lanes; i++)
            result.Set(size + 1, i, n.Get(size, part + i, word.U) << left);
        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* FromFixed(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = Size(word), fractionBits = RightDistance(word, size);
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        var format = FloatFormat.OfSize(size);
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
        {
            Int128 value = n.Get(size, i, word.U);
            result.Set(size, i, SoftFloat.FromFixed(s, format, value, fractionBits, SoftFloat.Rounding(s)));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    private static Op* ToFixed(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        int size = Size(word), fractionBits = RightDistance(word, size);
        if (word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        var format = FloatFormat.OfSize(size);
        Vector n = Get(s, word.Rn);
        Vector result = default;
        for (int i = 0; i < word.Lanes(size); i++)
        {
            ulong value = n.Get(size, i);
            result.Set(size, i, SoftFloat.ToFixed(
                s, format, value, FloatRounding.TowardsZero, fractionBits, format.Bits, word.U));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }
}
