namespace Squib.Machine.Cpu.Instructions;

/// <summary>All branches: B, BL, B.cond, CBZ, CBNZ, TBZ, TBNZ, BR, BLR, RET.</summary>
/// <remarks>
/// The immediate of a branch within its page is the address of the target's Op ("near"); that of a branch out of it is
/// the target's distance from the start of the page ("far").
/// </remarks>
internal static unsafe class Branches
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions. A near target
    // lies in the same page of 1024 Ops, which the distance is checked against.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("0 00101 imm26:26", "B", &PrepareBranch);
        table.AddPrepared("1 00101 imm26:26", "BL", &PrepareLink);
        table.AddPrepared("0101010 0 imm19:19 0 cond:4", "B.cond", &PrepareConditional);
        table.AddPrepared("sf 011010 0 imm19:19 Rt:5", "CBZ", &PrepareZero);
        table.AddPrepared("sf 011010 1 imm19:19 Rt:5", "CBNZ", &PrepareZero);
        table.AddPrepared("b5 011011 0 b40:5 imm14:14 Rt:5", "TBZ", &PrepareTest);
        table.AddPrepared("b5 011011 1 b40:5 imm14:14 Rt:5", "TBNZ", &PrepareTest);
        table.AddPrepared("1101011 0000 11111 000000 Rn:5 00000", "BR", &PrepareRegister);
        table.AddPrepared("1101011 0001 11111 000000 Rn:5 00000", "BLR", &PrepareRegister);
        table.AddPrepared("1101011 0010 11111 000000 Rn:5 00000", "RET", &PrepareRegister);
    }

    // Op.Immediate is the offset in the page when this is called.
    private static bool SetTarget(Op* op, long distance)
    {
        long target = (long)op->Immediate + distance;
        bool near = target is >= 0 and < 0x1000;
        op->Immediate = near ? (ulong)(op + (distance >> 2)) : (ulong)target;
        return near;
    }

    private static void PrepareBranch(Op* op) =>
        op->Execute = SetTarget(op, Fields.Signed(op->Word, 0, 26) << 2) ? &BranchNear : &BranchFar;

    private static void PrepareLink(Op* op)
    {
        op->Offset = (ushort)(op->Immediate + 4);
        op->Execute = SetTarget(op, Fields.Signed(op->Word, 0, 26) << 2) ? &LinkNear : &LinkFar;
    }

    private static void PrepareConditional(Op* op)
    {
        uint condition = Fields.Bits(op->Word, 0, 4);
        op->Offset = Flags.Condition(condition);
        if (!SetTarget(op, Fields.Signed(op->Word, 5, 19) << 2))
        {
            op->Execute = &ConditionalFar;
            return;
        }

        op->Execute = condition switch
        {
            0 => &IfSet<EqualFlag>,
            1 => &IfClear<EqualFlag>,
            2 => &IfSet<CarryFlag>,
            3 => &IfClear<CarryFlag>,
            4 => &IfSet<NegativeFlag>,
            5 => &IfClear<NegativeFlag>,
            14 or 15 => &BranchNear,
            _ => &ConditionalNear,
        };
    }

    private static void PrepareZero(Op* op)
    {
        op->Rd = Register.Source(op->Word);
        bool wide = Fields.Bit(op->Word, 31);
        bool near = SetTarget(op, Fields.Signed(op->Word, 5, 19) << 2);
        if (Fields.Bit(op->Word, 24))
        {
            op->Execute = near ? (wide ? &NotZeroNear64 : &NotZeroNear32) : (wide ? &NotZeroFar64 : &NotZeroFar32);
            return;
        }

        op->Execute = near ? (wide ? &ZeroNear64 : &ZeroNear32) : (wide ? &ZeroFar64 : &ZeroFar32);
    }

    private static void PrepareTest(Op* op)
    {
        op->Rd = Register.Source(op->Word);
        op->Rm = (byte)(Fields.Bits(op->Word, 19, 5) | (op->Word >> 31 << 5));
        bool near = SetTarget(op, Fields.Signed(op->Word, 5, 14) << 2);
        if (Fields.Bit(op->Word, 24)) op->Execute = near ? &BitSetNear : &BitSetFar;
        else op->Execute = near ? &BitClearNear : &BitClearFar;
    }

    private static void PrepareRegister(Op* op)
    {
        op->Rn = Register.Source(op->Word, 5);
        op->Offset = (ushort)(op->Immediate + 4);
        op->Execute = Fields.Bits(op->Word, 21, 2) == 1 ? &LinkRegister : &ToRegister;
    }

    private static Op* BranchNear(CpuState* s, Op* op) => (Op*)op->Immediate;

    private static Op* BranchFar(CpuState* s, Op* op) => Pc.Jump(s, s->PageVa + op->Immediate);

    private static Op* LinkNear(CpuState* s, Op* op)
    {
        s->X[30] = s->PageVa + op->Offset;
        return (Op*)op->Immediate;
    }

    private static Op* LinkFar(CpuState* s, Op* op)
    {
        s->X[30] = s->PageVa + op->Offset;
        return Pc.Jump(s, s->PageVa + op->Immediate);
    }

    private static Op* ToRegister(CpuState* s, Op* op) => Pc.Jump(s, s->X[op->Rn]);

    private static Op* LinkRegister(CpuState* s, Op* op)
    {
        ulong target = s->X[op->Rn];
        s->X[30] = s->PageVa + op->Offset;
        return Pc.Jump(s, target);
    }

    private static Op* IfSet<TFlag>(CpuState* s, Op* op)
        where TFlag : struct, IFlag => (s->Nzcv & TFlag.Mask) != 0 ? (Op*)op->Immediate : op + 1;

    private static Op* IfClear<TFlag>(CpuState* s, Op* op)
        where TFlag : struct, IFlag => (s->Nzcv & TFlag.Mask) == 0 ? (Op*)op->Immediate : op + 1;

    private static Op* ConditionalNear(CpuState* s, Op* op) =>
        Flags.Holds(op->Offset, s->Nzcv) ? (Op*)op->Immediate : op + 1;

    private static Op* ConditionalFar(CpuState* s, Op* op) =>
        Flags.Holds(op->Offset, s->Nzcv) ? BranchFar(s, op) : op + 1;

    private static Op* ZeroNear64(CpuState* s, Op* op) => s->X[op->Rd] == 0 ? (Op*)op->Immediate : op + 1;

    private static Op* ZeroNear32(CpuState* s, Op* op) => (uint)s->X[op->Rd] == 0 ? (Op*)op->Immediate : op + 1;

    private static Op* ZeroFar64(CpuState* s, Op* op) => s->X[op->Rd] == 0 ? BranchFar(s, op) : op + 1;

    private static Op* ZeroFar32(CpuState* s, Op* op) => (uint)s->X[op->Rd] == 0 ? BranchFar(s, op) : op + 1;

    private static Op* NotZeroNear64(CpuState* s, Op* op) => s->X[op->Rd] != 0 ? (Op*)op->Immediate : op + 1;

    private static Op* NotZeroNear32(CpuState* s, Op* op) => (uint)s->X[op->Rd] != 0 ? (Op*)op->Immediate : op + 1;

    private static Op* NotZeroFar64(CpuState* s, Op* op) => s->X[op->Rd] != 0 ? BranchFar(s, op) : op + 1;

    private static Op* NotZeroFar32(CpuState* s, Op* op) => (uint)s->X[op->Rd] != 0 ? BranchFar(s, op) : op + 1;

    private static Op* BitClearNear(CpuState* s, Op* op) =>
        (s->X[op->Rd] >> op->Rm & 1) == 0 ? (Op*)op->Immediate : op + 1;

    private static Op* BitClearFar(CpuState* s, Op* op) =>
        (s->X[op->Rd] >> op->Rm & 1) == 0 ? BranchFar(s, op) : op + 1;

    private static Op* BitSetNear(CpuState* s, Op* op) =>
        (s->X[op->Rd] >> op->Rm & 1) != 0 ? (Op*)op->Immediate : op + 1;

    private static Op* BitSetFar(CpuState* s, Op* op) => (s->X[op->Rd] >> op->Rm & 1) != 0 ? BranchFar(s, op) : op + 1;

    private interface IFlag
    {
        static abstract uint Mask { get; }
    }

    private struct NegativeFlag : IFlag
    {
        public static uint Mask => 1u << 31;
    }

    private struct EqualFlag : IFlag
    {
        public static uint Mask => 1u << 30;
    }

    private struct CarryFlag : IFlag
    {
        public static uint Mask => 1u << 29;
    }
}
