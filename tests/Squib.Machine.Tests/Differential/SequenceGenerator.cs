using Squib.Machine.Cpu;

namespace Squib.Machine.Tests.Differential;

/// <summary>Writes random sequences: every row of the decode table in turn, with random fields.</summary>
internal sealed class SequenceGenerator
{
    private const int Attempts = 200;
    private static readonly int[] Registers =
        [Assembler.NzcvRegister, Assembler.FpcrRegister, Assembler.FpsrRegister, Assembler.TpidrEl0];

    private readonly DecodeTable table;
    private readonly Random random;
    private readonly OperandValues values;
    private readonly MemoryForm memory;
    private readonly DecodeRow[] rows;
    private readonly DecodeRow[] plainRows;
    private int next;

    public SequenceGenerator(DecodeTable table, int seed)
    {
        this.table = table;
        random = new Random(seed);
        values = new OperandValues(random);
        memory = new MemoryForm(random);
        rows = [.. table.Rows];
        random.Shuffle(rows);
        plainRows = [.. rows.Where(row => IsPlain(row.Value))];
    }

    /// <summary>One to six rows' instructions, and a state for them.</summary>
    public Sequence Next()
    {
        var code = new List<uint>();
        for (int left = random.Next(1, 7); left > 0; left--)
            AppendRow(rows[next++ % rows.Length], code);
        if (random.Next(4) == 0)
            code.Add(AnyWord());
        return new Sequence(code, values.State());
    }

    /// <summary>Whether a word only computes: data processing, on general or vector registers.</summary>
    private static bool IsPlain(uint word) =>
        !MemoryForm.Includes(word) && ((word >> 25) & 15) is 0b1000 or 0b1001 or 0b0101 or 0b1101 or 0b0111 or 0b1111;

    private void AppendRow(DecodeRow row, List<uint> code)
    {
        if (((row.Value >> 26) & 7) == 0b101)
        {
            AppendBranchOrSystem(row, code);
            return;
        }

        if (!TryFill(row, out uint word))
            return;
        if (MemoryForm.Includes(word))
            memory.Append(word, row.Mask, code);
        else if (IsPlain(word))
            code.Add(word);
    }

    /// <summary>A word of a row with random fields; sometimes the source is the destination.</summary>
    private bool TryFill(DecodeRow row, out uint word)
    {
        for (int i = 0; i < Attempts; i++)
        {
            uint fields = (uint)random.NextInt64(1L << 32);
            if (random.Next(4) == 0)
                fields = (fields & ~0x3e0u) | ((fields & 31) << 5);
            word = row.Value | (fields & ~row.Mask);
            if (table.Find(word) == row)
                return true;
        }

        word = 0;
        return false;
    }

    private uint PlainWord() =>
        TryFill(plainRows[random.Next(plainRows.Length)], out uint word) ? word : 0xd503_201f;

    /// <summary>
    /// A random word that only computes, if it is an instruction at all; or any that is UNDEFINED for us.
    /// </summary>
    private uint AnyWord()
    {
        while (true)
        {
            uint word = (uint)random.NextInt64(1L << 32);
            bool isSystem = (word & 0xff00_0000) == 0xd500_0000;
            if (!IsCryptographic(word) && !isSystem && (IsPlain(word) || table.Find(word) is null))
                return word;
        }
    }

    /// <summary>
    /// Whether a word is an AES or SHA instruction, or PMULL of 64 bits, which a Cortex-A53 has and our CPU has not.
    /// </summary>
    private static bool IsCryptographic(uint word) =>
        (word & 0xef3e_0c00) == 0x4e28_0800
        || (word & 0xff20_8c00) == 0x5e00_0000
        || (word & 0xbfe0_fc00) == 0x0ee0_e000;

    private void AppendBranchOrSystem(DecodeRow row, List<uint> code)
    {
        if (!TryFill(row, out uint word))
            return;
        const uint twoWords = 2;
        if ((word & 0x7c00_0000) == 0x1400_0000) // B, BL
            AppendSkip((word & 0xfc00_0000) | twoWords, code);
        else if ((word & 0x7e00_0000) is 0x3400_0000 || (word & 0xff00_0010) == 0x5400_0000) // CBZ, CBNZ, B.cond
            AppendSkip((word & 0xff00_001f) | (twoWords << 5), code);
        else if ((word & 0x7e00_0000) == 0x3600_0000) // TBZ, TBNZ
            AppendSkip((word & 0xfff8_001f) | (twoWords << 5), code);
        else if ((word & 0xff9f_fc1f) == 0xd61f_0000 && (word & 0x0060_0000) != 0x0060_0000) // BR, BLR, RET
            AppendIndirectSkip(word, code);
        else if ((word & 0xffff_f01f) is 0xd503_201f or 0xd503_301f) // hints and barriers, without waits
            code.Add((word & 0xffff_ff1f) == 0xd503_201f && (word & 0xe0) != 0 ? 0xd503_201f : word);
        else if ((word & 0xffc0_0000) == 0xd500_0000)
            AppendSystemRegister(code);
    }

    /// <summary>Appends a branch over one instruction, and that instruction.</summary>
    private void AppendSkip(uint branch, List<uint> code)
    {
        code.Add(branch);
        code.Add(PlainWord());
    }

    private void AppendIndirectSkip(uint branch, List<uint> code)
    {
        uint register = (branch >> 5) & 31;
        if (register == 31)
            return;
        code.Add(0x1000_0060 | register); // adr register, over the next two instructions
        AppendSkip(branch, code);
    }

    private void AppendSystemRegister(List<uint> code)
    {
        int register = Registers[random.Next(Registers.Length)], rt = random.Next(32);
        if (random.Next(2) == 0)
        {
            code.Add(Assembler.ReadSystemWord(rt, register));
            return;
        }

        if (register is Assembler.FpcrRegister or Assembler.FpsrRegister && rt != 31)
        {
            // The other bits of FPCR and FPSR are of optional features, AArch32 among them.
            ulong value = register == Assembler.FpcrRegister ? values.FloatControl() : values.FloatStatus();
            code.Add(Assembler.MoveWide(rt, (ushort)value));
            code.Add(Assembler.MoveKeep(rt, (ushort)(value >> 16), 1));
        }

        code.Add(Assembler.WriteSystemWord(register, rt));
    }
}
