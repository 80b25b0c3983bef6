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

    private const uint ZeroFlag = 1u << 30;
    private const uint CarryFlag = 1u << 29;

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
        long distance = Fields.Signed(op->Word, 5, 19) << 2;
        switch (condition)
        {
            case 0: SetCondition<IsEqual>(op, distance); break;
            case 1: SetCondition<IsNotEqual>(op, distance); break;
            case 2: SetCondition<IsCarry>(op, distance); break;
            case 3: SetCondition<IsNoCarry>(op, distance); break;
            default: SetCondition<IsFlags>(op, distance); break;
        }
    }

    private static void PrepareZero(Op* op)
    {
        op->Rd = Register.Source(op->Word);
        long distance = Fields.Signed(op->Word, 5, 19) << 2;
        switch (Fields.Bit(op->Word, 31), Fields.Bit(op->Word, 24))
        {
            case (false, false): SetCondition<IsZero32>(op, distance); break;
            case (false, true): SetCondition<IsNotZero32>(op, distance); break;
            case (true, false): SetCondition<IsZero64>(op, distance); break;
            case (true, true): SetCondition<IsNotZero64>(op, distance); break;
        }
    }

    private static void PrepareTest(Op* op)
    {
        op->Rd = Register.Source(op->Word);
        op->Rm = (byte)(Fields.Bits(op->Word, 19, 5) | (op->Word >> 31 << 5));
        long distance = Fields.Signed(op->Word, 5, 14) << 2;
        if (Fields.Bit(op->Word, 24)) SetCondition<IsBitSet>(op, distance);
        else SetCondition<IsBitClear>(op, distance);
    }

    private static void SetCondition<TCondition>(Op* op, long distance)
        where TCondition : struct, ICondition =>
        op->Execute = SetTarget(op, distance) ? &IfNear<TCondition> : &IfFar<TCondition>;

    private static void PrepareRegister(Op* op)
    {
        op->Rn = Register.Source(op->Word, 5);
        op->Offset = (ushort)(op->Immediate + 4);
        op->Execute = Fields.Bits(op->Word, 21, 2) == 1 ? &LinkRegister : &ToRegister;
    }

    private static Op* BranchNear(CpuState* s, Op* op)
    {
        s->LeftFrom = op;
        return (Op*)op->Immediate;
    }

    private static Op* BranchFar(CpuState* s, Op* op)
    {
        s->LeftFrom = op;
        return Pc.Jump(s, s->PageVa + op->Immediate);
    }

    private static Op* LinkNear(CpuState* s, Op* op)
    {
        s->X[30] = s->PageVa + op->Offset;
        return BranchNear(s, op);
    }

    private static Op* LinkFar(CpuState* s, Op* op)
    {
        s->X[30] = s->PageVa + op->Offset;
        return BranchFar(s, op);
    }

    private static Op* ToRegister(CpuState* s, Op* op)
    {
        s->LeftFrom = op;
        return Pc.Jump(s, s->X[op->Rn]);
    }

    private static Op* LinkRegister(CpuState* s, Op* op)
    {
        ulong target = s->X[op->Rn];
        s->LeftFrom = op;
        s->X[30] = s->PageVa + op->Offset;
        return Pc.Jump(s, target);
    }

    private static Op* IfNear<TCondition>(CpuState* s, Op* op)
        where TCondition : struct, ICondition
    {
        if (!TCondition.Holds(s, op)) return op[1].Execute(s, op + 1);
        s->LeftFrom = op;
        return (Op*)op->Immediate;
    }

    private static Op* IfFar<TCondition>(CpuState* s, Op* op)
        where TCondition : struct, ICondition
    {
        if (!TCondition.Holds(s, op)) return op[1].Execute(s, op + 1);
        s->LeftFrom = op;
        return Pc.Jump(s, s->PageVa + op->Immediate);
    }

    private interface ICondition
    {
        static abstract bool Holds(CpuState* s, Op* op);
    }

    private struct IsEqual : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => (s->Nzcv & ZeroFlag) != 0;
    }

    private struct IsNotEqual : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => (s->Nzcv & ZeroFlag) == 0;
    }

    private struct IsCarry : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => (s->Nzcv & CarryFlag) != 0;
    }

    private struct IsNoCarry : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => (s->Nzcv & CarryFlag) == 0;
    }

    private struct IsFlags : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => Flags.Holds(op->Offset, s->Nzcv);
    }

    private struct IsZero64 : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => s->X[op->Rd] == 0;
    }

    private struct IsZero32 : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => (uint)s->X[op->Rd] == 0;
    }

    private struct IsNotZero64 : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => s->X[op->Rd] != 0;
    }

    private struct IsNotZero32 : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => (uint)s->X[op->Rd] != 0;
    }

    private struct IsBitClear : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => ((s->X[op->Rd] >> op->Rm) & 1) == 0;
    }

    private struct IsBitSet : ICondition
    {
        public static bool Holds(CpuState* s, Op* op) => ((s->X[op->Rd] >> op->Rm) & 1) != 0;
    }
}
