using static Squib.Machine.Cpu.Instructions.Addresses;
using static Squib.Machine.Cpu.Instructions.Values;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>Loads and stores of one general-purpose register, in all addressing modes, and PRFM.</summary>
internal static unsafe class LoadStore
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("opc:2 011 0 00 imm19:19 Rt:5", "LDR/LDRSW/PRFM (literal)", &PrepareLiteral);
        table.AddPrepared("size:2 111 0 01 opc:2 imm12:12 Rn:5 Rt:5", "LDR/STR", &PrepareUnsigned, IsAllocated);
        table.AddPrepared("size:2 111 0 00 opc:2 0 imm9:9 00 Rn:5 Rt:5", "LDUR/STUR", &PrepareSigned, IsAllocated);
        table.AddPrepared("size:2 111 0 00 opc:2 0 imm9:9 01 Rn:5 Rt:5", "LDR/STR (post)", &PrepareSigned, IsAccess);
        table.AddPrepared("size:2 111 0 00 opc:2 0 imm9:9 10 Rn:5 Rt:5", "LDTR/STTR", &PrepareUnprivileged, IsAccess);
        table.AddPrepared("size:2 111 0 00 opc:2 0 imm9:9 11 Rn:5 Rt:5", "LDR/STR (pre)", &PrepareSigned, IsAccess);
        table.AddPrepared(
            "size:2 111 0 00 opc:2 1 Rm:5 option:3 S 10 Rn:5 Rt:5",
            "LDR/STR (register)",
            &PrepareRegister,
            word => Fields.Bit(word, 14) && IsAllocated(word));
    }

    // Signed words exist only extended to 64 bits; signed doublewords are prefetches or nothing.
    private static bool IsAllocated(uint word) => Kind(word) is not 11 and not 15;

    private static bool IsAccess(uint word) => IsAllocated(word) && Kind(word) != 14;

    // size and opc as four bits.
    private static uint Kind(uint word) => (word >> 30 << 2) | Fields.Bits(word, 22, 2);

    private static void SetRegisters(Op* op)
    {
        bool stores = Fields.Bits(op->Word, 22, 2) == 0;
        op->Rd = stores ? Register.Source(op->Word) : Register.Destination(op->Word);
        op->Rn = Register.OrSp(op->Word, 5);
    }

    private static void PrepareLiteral(Op* op)
    {
        op->Rd = Register.Destination(op->Word);
        op->Rn = CpuState.Zero;
        op->Immediate += (ulong)(Fields.Signed(op->Word, 5, 19) << 2);
        op->Execute = (op->Word >> 30) switch
        {
            0 => &Load<Word32, Literal>,
            1 => &Load<Double64, Literal>,
            2 => &Load<SignedWordTo64, Literal>,
            _ => &SystemInstructions.DoNothing,
        };
    }

    private static void PrepareUnsigned(Op* op)
    {
        SetRegisters(op);
        op->Immediate = (ulong)Fields.Bits(op->Word, 10, 12) << (int)(op->Word >> 30);
        op->Execute = Choose<Offset>(op);
    }

    private static void PrepareSigned(Op* op)
    {
        SetRegisters(op);
        op->Immediate = (ulong)Fields.Signed(op->Word, 12, 9);
        op->Execute = Fields.Bits(op->Word, 10, 2) switch
        {
            0 => Choose<Offset>(op),
            1 => Choose<PostIndexed>(op),
            _ => Choose<PreIndexed>(op),
        };
    }

    private static void PrepareRegister(Op* op)
    {
        SetRegisters(op);
        op->Rm = Register.Source(op->Word, 16);
        op->Immediate = Fields.Bit(op->Word, 12) ? op->Word >> 30 : 0;
        op->Execute = Fields.Bits(op->Word, 13, 3) switch
        {
            2 => Choose<UnsignedWordOffset>(op),
            6 => Choose<SignedWordOffset>(op),
            _ => Choose<RegisterOffset>(op),
        };
    }

    private static void PrepareUnprivileged(Op* op)
    {
        SetRegisters(op);
        op->Immediate = (ulong)Fields.Signed(op->Word, 12, 9);
        op->Execute = Kind(op->Word) switch
        {
            0 => &StoreUnprivileged<Byte8>,
            1 => &LoadUnprivileged<Byte8>,
            2 => &LoadUnprivileged<SignedByteTo64>,
            3 => &LoadUnprivileged<SignedByteTo32>,
            4 => &StoreUnprivileged<Half16>,
            5 => &LoadUnprivileged<Half16>,
            6 => &LoadUnprivileged<SignedHalfTo64>,
            7 => &LoadUnprivileged<SignedHalfTo32>,
            8 => &StoreUnprivileged<Word32>,
            9 => &LoadUnprivileged<Word32>,
            10 => &LoadUnprivileged<SignedWordTo64>,
            12 => &StoreUnprivileged<Double64>,
            _ => &LoadUnprivileged<Double64>,
        };
    }

    private static delegate*<CpuState*, Op*, Op*> Choose<TAddress>(Op* op)
        where TAddress : struct, IAddress =>
        op->Rn == CpuState.Sp
            ? ChooseChecked<OnStack<TAddress>>(Kind(op->Word))
            : ChooseChecked<TAddress>(Kind(op->Word));

    private static delegate*<CpuState*, Op*, Op*> ChooseChecked<TAddress>(uint kind)
        where TAddress : struct, IAddress => kind switch
        {
            0 => &Store<Byte8, TAddress>,
            1 => &Load<Byte8, TAddress>,
            2 => &Load<SignedByteTo64, TAddress>,
            3 => &Load<SignedByteTo32, TAddress>,
            4 => &Store<Half16, TAddress>,
            5 => &Load<Half16, TAddress>,
            6 => &Load<SignedHalfTo64, TAddress>,
            7 => &Load<SignedHalfTo32, TAddress>,
            8 => &Store<Word32, TAddress>,
            9 => &Load<Word32, TAddress>,
            10 => &Load<SignedWordTo64, TAddress>,
            12 => &Store<Double64, TAddress>,
            13 => &Load<Double64, TAddress>,
            _ => &SystemInstructions.DoNothing,
        };

    private static Op* Load<TValue, TAddress>(CpuState* s, Op* op)
        where TValue : struct, IValue
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        TlbEntry* line = Mem.Line(s->ReadTlb, va);
        if (!Mem.Hits(line, va, TValue.Size) || TAddress.IsMisaligned(s))
            return SlowAccess.Load(s, op, va, TAddress.After(s, op, va), TValue.Form);
        ulong value = TValue.Read((byte*)(va + line->Addend));
        TAddress.WriteBack(s, op, va);
        s->X[op->Rd] = value;
        return op + 1;
    }

    private static Op* Store<TValue, TAddress>(CpuState* s, Op* op)
        where TValue : struct, IValue
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        TlbEntry* line = Mem.Line(s->WriteTlb, va);
        if (!Mem.Hits(line, va, TValue.Size) || TAddress.IsMisaligned(s))
            return SlowAccess.Store(s, op, va, TAddress.After(s, op, va), TValue.Size);
        TValue.Write((byte*)(va + line->Addend), s->X[op->Rd]);
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }

    private static Op* LoadUnprivileged<TValue>(CpuState* s, Op* op)
        where TValue : struct, IValue
    {
        if (s->El == 0) return Load<TValue, OnStack<Offset>>(s, op);
        BeginUnprivileged(s);
        Op* next = Load<TValue, OnStack<Offset>>(s, op);
        EndUnprivileged(s);
        return next;
    }

    private static Op* StoreUnprivileged<TValue>(CpuState* s, Op* op)
        where TValue : struct, IValue
    {
        if (s->El == 0) return Store<TValue, OnStack<Offset>>(s, op);
        BeginUnprivileged(s);
        Op* next = Store<TValue, OnStack<Offset>>(s, op);
        EndUnprivileged(s);
        return next;
    }

    private static void BeginUnprivileged(CpuState* s)
    {
        SoftwareCpu.Of(s).Lines.SelectUser(s);
        s->Unprivileged = true;
    }

    // Also after an exception, which is taken from EL1 to EL1.
    private static void EndUnprivileged(CpuState* s)
    {
        s->Unprivileged = false;
        SoftwareCpu.Of(s).Lines.Select(s);
    }
}
