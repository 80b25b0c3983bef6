using static Squib.Machine.Cpu.Simd.SimdRegisters;

namespace Squib.Machine.Cpu.Simd;

/// <summary>AdvSIMD three same, integers: two vectors in, one out, all with lanes of one size.</summary>
// SAFETY: handlers run on the state and the instruction that the CPU's loop passes.
internal static unsafe class ThreeSame
{
    /// <summary>Adds the rows of this group.</summary>
    internal static void AddTo(DecodeTable table)
    {
        AddPairs(table);
        AddSingles(table);
        Logical(table, "0", "00", "AND");
        Logical(table, "0", "01", "BIC (register)");
        Logical(table, "0", "10", "ORR (register)");
        Logical(table, "0", "11", "ORN");
        Logical(table, "1", "00", "EOR");
        Logical(table, "1", "01", "BSL");
        Logical(table, "1", "10", "BIT");
        Logical(table, "1", "11", "BIF");
    }

    private static void AddPairs(DecodeTable table)
    {
        Both(table, "00000", "SHADD", "UHADD", &UpTo32);
        Both(table, "00001", "SQADD", "UQADD", &UpTo64, &UpTo64);
        Both(table, "00010", "SRHADD", "URHADD", &UpTo32);
        Both(table, "00100", "SHSUB", "UHSUB", &UpTo32);
        Both(table, "00101", "SQSUB", "UQSUB", &UpTo64, &UpTo64);
        Both(table, "00110", "CMGT (register)", "CMHI", &UpTo64, &Only64);
        Both(table, "00111", "CMGE (register)", "CMHS", &UpTo64, &Only64);
        Both(table, "01000", "SSHL", "USHL", &UpTo64, &Only64);
        Both(table, "01001", "SQSHL (register)", "UQSHL (register)", &UpTo64, &UpTo64);
        Both(table, "01010", "SRSHL", "URSHL", &UpTo64, &Only64);
        Both(table, "01011", "SQRSHL", "UQRSHL", &UpTo64, &UpTo64);
        Both(table, "01100", "SMAX", "UMAX", &UpTo32);
        Both(table, "01101", "SMIN", "UMIN", &UpTo32);
        Both(table, "01110", "SABD", "UABD", &UpTo32);
        Both(table, "01111", "SABA", "UABA", &UpTo32);
        Both(table, "10000", "ADD (vector)", "SUB (vector)", &UpTo64, &Only64);
        Both(table, "10001", "CMTST", "CMEQ (register)", &UpTo64, &Only64);
        Both(table, "10010", "MLA (vector)", "MLS (vector)", &UpTo32);
        Both(table, "10100", "SMAXP", "UMAXP", &PairsUpTo32);
        Both(table, "10101", "SMINP", "UMINP", &PairsUpTo32);
        Both(table, "10110", "SQDMULH (vector)", "SQRDMULH (vector)", &Only16And32, &Only16And32);
    }

    private static void AddSingles(DecodeTable table)
    {
        table.Add("0 Q 0 01110 size:2 1 Rm:5 10011 1 Rn:5 Rd:5", "MUL (vector)", &UpTo32);
        table.Add("0 Q 1 01110 size:2 1 Rm:5 10011 1 Rn:5 Rd:5", "PMUL", &Only8);
        table.Add("0 Q 0 01110 size:2 1 Rm:5 10111 1 Rn:5 Rd:5", "ADDP (vector)", &PairsUpTo64);
    }

    private static void Both(
        DecodeTable table,
        string opcode,
        string plainName,
        string unsignedName,
        delegate*<CpuState*, Op*, Op*> vector,
        delegate*<CpuState*, Op*, Op*> scalar = null)
    {
        table.Add($"0 Q 0 01110 size:2 1 Rm:5 {opcode} 1 Rn:5 Rd:5", plainName, vector);
        table.Add($"0 Q 1 01110 size:2 1 Rm:5 {opcode} 1 Rn:5 Rd:5", unsignedName, vector);
        if (scalar == null)
            return;
        table.Add($"01 0 11110 size:2 1 Rm:5 {opcode} 1 Rn:5 Rd:5", plainName + ", scalar", scalar);
        table.Add($"01 1 11110 size:2 1 Rm:5 {opcode} 1 Rn:5 Rd:5", unsignedName + ", scalar", scalar);
    }

    private static void Logical(DecodeTable table, string u, string size, string name) =>
        table.Add($"0 Q {u} 01110 {size} 1 Rm:5 00011 1 Rn:5 Rd:5", name, &Bitwise);

    private static Op* Only8(CpuState* s, Op* op) => Run(s, op, sizes: 0b0001, isPairwise: false);

    private static Op* Only16And32(CpuState* s, Op* op) => Run(s, op, sizes: 0b0110, isPairwise: false);

    private static Op* Only64(CpuState* s, Op* op) => Run(s, op, sizes: 0b1000, isPairwise: false);

    private static Op* UpTo32(CpuState* s, Op* op) => Run(s, op, sizes: 0b0111, isPairwise: false);

    private static Op* UpTo64(CpuState* s, Op* op) => Run(s, op, sizes: 0b1111, isPairwise: false);

    private static Op* PairsUpTo32(CpuState* s, Op* op) => Run(s, op, sizes: 0b0111, isPairwise: true);

    private static Op* PairsUpTo64(CpuState* s, Op* op) => Run(s, op, sizes: 0b1111, isPairwise: true);

    private static Op* Run(CpuState* s, Op* op, int sizes, bool isPairwise)
    {
        var word = new SimdWord(op->Word);
        int size = word.Size;
        if (((sizes >> size) & 1) == 0 || word.IsReservedLone(size))
            return Exceptions.Undefined(s, op);

        bool u = word.U;
        int operation = word.Bits(11, 5) | (u ? 0x20 : 0);
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm), old = Get(s, word.Rd);
        Vector result = default;
        int lanes = word.Lanes(size);
        for (int i = 0; i < lanes; i++)
        {
            Int128 a, b;
            if (isPairwise)
            {
                // The pairs are taken from the first operand and then from the second.
                Vector source = 2 * i < lanes ? n : m;
                int pair = (2 * i) & (lanes - 1);
                a = source.Get(size, pair, u);
                b = source.Get(size, pair + 1, u);
            }
            else
            {
                a = n.Get(size, i, u);
                b = m.Get(size, i, u);
            }

            result.Set(size, i, Lane(s, operation, a, b, old.Get(size, i), size));
        }

        Set(s, word.Rd, result);
        return op + 1;
    }

    /// <summary>One lane; the operation is U and the opcode, and U says how the operands are extended.</summary>
    private static Int128 Lane(CpuState* s, int operation, Int128 a, Int128 b, ulong old, int size)
    {
        bool u = operation >= 0x20;
        return operation switch
        {
            0x00 or 0x20 => (a + b) >> 1,
            0x01 or 0x21 => Saturate(s, a + b, size, u),
            0x02 or 0x22 => (a + b + 1) >> 1,
            0x04 or 0x24 => (a - b) >> 1,
            0x05 or 0x25 => Saturate(s, a - b, size, u),
            0x06 or 0x26 => a > b ? -1 : 0,
            0x07 or 0x27 => a >= b ? -1 : 0,
            0x08 or 0x28 => Shift(a, (sbyte)(byte)((ulong)b & 0xff), rounds: false),
            0x09 or 0x29 => Saturate(s, Shift(a, (sbyte)(byte)((ulong)b & 0xff), rounds: false), size, u),
            0x0a or 0x2a => Shift(a, (sbyte)(byte)((ulong)b & 0xff), rounds: true),
            0x0b or 0x2b => Saturate(s, Shift(a, (sbyte)(byte)((ulong)b & 0xff), rounds: true), size, u),
            0x0c or 0x2c or 0x14 or 0x34 => Int128.Max(a, b),
            0x0d or 0x2d or 0x15 or 0x35 => Int128.Min(a, b),
            0x0e or 0x2e => Int128.Abs(a - b),
            0x0f or 0x2f => old + Int128.Abs(a - b),
            0x10 or 0x17 => a + b,
            0x30 => a - b,
            0x11 => (a & b) != 0 ? -1 : 0,
            0x31 => a == b ? -1 : 0,
            0x12 => old + (a * b),
            0x32 => old - (a * b),
            0x13 => a * b,
            0x33 => PolynomialProduct((uint)a, (uint)b),
            0x16 => DoublingHighProduct(s, a, b, size, rounds: false),
            _ => DoublingHighProduct(s, (long)a, (long)b, size, rounds: true),
        };
    }

    /// <summary>
    /// The upper half of twice the product of two signed lanes (given with either extension), saturated.
    /// </summary>
    internal static Int128 DoublingHighProduct(CpuState* s, Int128 a, Int128 b, int size, bool rounds)
    {
        int bits = 8 << size;
        Int128 product = 2 * (Int128)Vector.SignExtend((ulong)a, size) * Vector.SignExtend((ulong)b, size);
        if (rounds)
            product += Int128.One << (bits - 1);
        return Saturate(s, product >> bits, size, isUnsigned: false);
    }

    /// <summary>The product of two polynomials of degree 7 over the field of two elements.</summary>
    internal static uint PolynomialProduct(uint a, uint b)
    {
        uint product = 0;
        for (int i = 0; i < 8; i++)
            product ^= ((b >> i) & 1) * (a << i);
        return product;
    }

    private static Op* Bitwise(CpuState* s, Op* op)
    {
        var word = new SimdWord(op->Word);
        Vector n = Get(s, word.Rn), m = Get(s, word.Rm), old = Get(s, word.Rd);
        int operation = word.Size | (word.U ? 4 : 0);
        ulong high = word.Q ? Bitwise(operation, n.High, m.High, old.High) : 0;
        Set(s, word.Rd, new Vector(Bitwise(operation, n.Low, m.Low, old.Low), high));
        return op + 1;
    }

    private static ulong Bitwise(int operation, ulong n, ulong m, ulong old) => operation switch
    {
        0 => n & m,
        1 => n & ~m,
        2 => n | m,
        3 => n | ~m,
        4 => n ^ m,
        5 => m ^ ((m ^ n) & old),
        6 => old ^ ((old ^ n) & m),
        _ => old ^ ((old ^ n) & ~m),
    };
}
