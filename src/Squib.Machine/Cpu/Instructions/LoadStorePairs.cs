using static Squib.Machine.Cpu.Instructions.Addresses;
using static Squib.Machine.Cpu.Instructions.Values;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>LDP, STP, LDNP, STNP and LDPSW of general-purpose registers.</summary>
internal static unsafe class LoadStorePairs
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("sf 0 101 0 000 L imm7:7 Rt2:5 Rn:5 Rt:5", "LDNP/STNP", &Prepare);
        table.AddPrepared("sf 0 101 0 001 L imm7:7 Rt2:5 Rn:5 Rt:5", "LDP/STP (post-index)", &Prepare);
        table.AddPrepared("sf 0 101 0 010 L imm7:7 Rt2:5 Rn:5 Rt:5", "LDP/STP (offset)", &Prepare);
        table.AddPrepared("sf 0 101 0 011 L imm7:7 Rt2:5 Rn:5 Rt:5", "LDP/STP (pre-index)", &Prepare);
        table.AddPrepared("01 101 0 001 1 imm7:7 Rt2:5 Rn:5 Rt:5", "LDPSW (post-index)", &Prepare);
        table.AddPrepared("01 101 0 010 1 imm7:7 Rt2:5 Rn:5 Rt:5", "LDPSW (offset)", &Prepare);
        table.AddPrepared("01 101 0 011 1 imm7:7 Rt2:5 Rn:5 Rt:5", "LDPSW (pre-index)", &Prepare);
    }

    private static void Prepare(Op* op)
    {
        uint word = op->Word;
        bool loads = Fields.Bit(word, 22);
        op->Rd = loads ? Register.Destination(word) : Register.Source(word);
        op->Ra = loads ? Register.Destination(word, 10) : Register.Source(word, 10);
        op->Rn = Register.OrSp(word, 5);
        op->Immediate = (ulong)(Fields.Signed(word, 15, 7) << (Fields.Bit(word, 31) ? 3 : 2));
        op->Execute = Fields.Bits(word, 23, 2) switch
        {
            1 => Choose<PostIndexed>(op),
            3 => Choose<PreIndexed>(op),
            _ => Choose<Offset>(op),
        };
    }

    private static delegate*<CpuState*, Op*, Op*> Choose<TAddress>(Op* op)
        where TAddress : struct, IAddress =>
        op->Rn == CpuState.Sp ? ChooseChecked<OnStack<TAddress>>(op->Word) : ChooseChecked<TAddress>(op->Word);

    private static delegate*<CpuState*, Op*, Op*> ChooseChecked<TAddress>(uint word)
        where TAddress : struct, IAddress => (word >> 30, Fields.Bit(word, 22)) switch
        {
            (2, true) => &Load<Double64, TAddress>,
            (2, false) => &Store<Double64, TAddress>,
            (1, _) => &Load<SignedWordTo64, TAddress>,
            (_, true) => &Load<Word32, TAddress>,
            _ => &Store<Word32, TAddress>,
        };

    private static Op* Load<TValue, TAddress>(CpuState* s, Op* op)
        where TValue : struct, IValue
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        TlbEntry* line = Mem.Line(s->ReadTlb, va);
        if (!Mem.Hits(line, va, 2 * TValue.Size) || TAddress.IsMisaligned(s))
            return SlowAccess.LoadPair(s, op, va, TAddress.After(s, op, va), TValue.Form);
        var host = (byte*)(va + line->Addend);
        ulong first = TValue.Read(host);
        ulong second = TValue.Read(host + TValue.Size);
        TAddress.WriteBack(s, op, va);
        s->X[op->Rd] = first;
        s->X[op->Ra] = second;
        return op + 1;
    }

    private static Op* Store<TValue, TAddress>(CpuState* s, Op* op)
        where TValue : struct, IValue
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        TlbEntry* line = Mem.Line(s->WriteTlb, va);
        if (!Mem.Hits(line, va, 2 * TValue.Size) || TAddress.IsMisaligned(s))
            return SlowAccess.StorePair(s, op, va, TAddress.After(s, op, va), TValue.Size);
        var host = (byte*)(va + line->Addend);
        TValue.Write(host, s->X[op->Rd]);
        TValue.Write(host + TValue.Size, s->X[op->Ra]);
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }
}
