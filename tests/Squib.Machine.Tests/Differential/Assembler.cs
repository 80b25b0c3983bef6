namespace Squib.Machine.Tests.Differential;

/// <summary>Collects the few kinds of instruction words of which the test program's own code consists.</summary>
internal sealed class Assembler(uint start)
{
    public const int TpidrEl0 = 0xde82;
    public const int NzcvRegister = 0xda10;
    public const int FpcrRegister = 0xda20;
    public const int FpsrRegister = 0xda21;

    private readonly List<uint> words = [];

    public IReadOnlyList<uint> Words => words;

    public uint Here => start + (4 * (uint)words.Count);

    public void Add(uint word) => words.Add(word);

    public void Add(IEnumerable<uint> more) => words.AddRange(more);

    /// <summary>Puts a constant below 2^32 into a register.</summary>
    public void Constant(int rd, uint value)
    {
        Add(MoveWide(rd, (ushort)value));
        Add(MoveKeep(rd, (ushort)(value >> 16), 1));
    }

    public void Load(int rt, int rn, int offset) => Add(0xf940_0000 | Fields(rt, rn) | ((uint)offset / 8 << 10));

    public void Store(int rt, int rn, int offset) => Add(0xf900_0000 | Fields(rt, rn) | ((uint)offset / 8 << 10));

    public void LoadPair(int rt, int rt2, int rn, int offset) => Add(0xa940_0000 | Pair(rt, rt2, rn, offset / 8));

    public void StorePair(int rt, int rt2, int rn, int offset) => Add(0xa900_0000 | Pair(rt, rt2, rn, offset / 8));

    public void LoadVectors(int rt, int rn, int offset) => Add(0xad40_0000 | Pair(rt, rt + 1, rn, offset / 16));

    public void StoreVectors(int rt, int rn, int offset) => Add(0xad00_0000 | Pair(rt, rt + 1, rn, offset / 16));

    public void AddImmediate(int rd, int rn, int value) => Add(0x9100_0000 | Fields(rd, rn) | ((uint)value << 10));

    public void SubtractImmediate(int rd, int rn, int value) => Add(0xd100_0000 | Fields(rd, rn) | ((uint)value << 10));

    public void AddRegister(int rd, int rn, int rm) => Add(0x8b00_0000 | Fields(rd, rn) | ((uint)rm << 16));

    public void SubtractRegister(int rd, int rn, int rm) => Add(0xcb00_0000 | Fields(rd, rn) | ((uint)rm << 16));

    public void ReadSystem(int rt, int register) => Add(ReadSystemWord(rt, register));

    public void WriteSystem(int register, int rt) => Add(WriteSystemWord(register, rt));

    public void Branch(uint target) => Add(0x1400_0000 | (((target - Here) >> 2) & 0x3ff_ffff));

    public void BranchIfNotZero(int rt, uint target) =>
        Add(0xb500_0000 | (((target - Here) << 3) & 0xff_ffe0) | (uint)rt);

    public void BranchIfZero(int rt, uint target) =>
        Add(0xb400_0000 | (((target - Here) << 3) & 0xff_ffe0) | (uint)rt);

    public void BranchRegister(int rn) => Add(0xd61f_0000 | ((uint)rn << 5));

    public void SupervisorCall() => Add(0xd400_0001);

    public void Hypercall() => Add(0xd400_0002);

    public void ClearExclusive() => Add(0xd503_3f5f);

    public void Synchronize() => Add(0xd503_3fdf);

    public void ExceptionReturn() => Add(0xd69f_03e0);

    /// <summary>MOVZ.</summary>
    public static uint MoveWide(int rd, ushort value) => 0xd280_0000 | ((uint)value << 5) | (uint)rd;

    /// <summary>MOVK of one of the four halfwords.</summary>
    public static uint MoveKeep(int rd, ushort value, int half) =>
        0xf280_0000 | ((uint)half << 21) | ((uint)value << 5) | (uint)rd;

    public static uint ReadSystemWord(int rt, int register) => 0xd520_0000 | ((uint)register << 5) | (uint)rt;

    public static uint WriteSystemWord(int register, int rt) => 0xd500_0000 | ((uint)register << 5) | (uint)rt;

    /// <summary>A system register as MRS and MSR encode it.</summary>
    public static int SystemRegister(int op0, int op1, int crn, int crm, int op2) =>
        (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;

    private static uint Fields(int rt, int rn) => ((uint)rn << 5) | (uint)rt;

    private static uint Pair(int rt, int rt2, int rn, int imm7) =>
        Fields(rt, rn) | ((uint)rt2 << 10) | (((uint)imm7 & 0x7f) << 15);
}
