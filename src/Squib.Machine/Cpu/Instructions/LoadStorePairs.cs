using static Squib.Machine.Cpu.Instructions.Addresses;

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
            1 => Choose<PostIndexed>(word),
            3 => Choose<PreIndexed>(word),
            _ => Choose<Offset>(word),
        };
    }

    private static delegate*<CpuState*, Op*, Op*> Choose<TAddress>(uint word)
        where TAddress : struct, IAddress => ((word >> 30), Fields.Bit(word, 22)) switch
        {
            (2, true) => &Load64<TAddress>,
            (2, false) => &Store64<TAddress>,
            (1, _) => &LoadSigned<TAddress>,
            (_, true) => &Load32<TAddress>,
            _ => &Store32<TAddress>,
        };

    private static Op* Load64<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Load128(s, op, va, out ulong first, out ulong second)) return s->Next;
        TAddress.WriteBack(s, op, va);
        s->X[op->Rd] = first;
        s->X[op->Ra] = second;
        return op + 1;
    }

    private static Op* Load32<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Load32(s, op, va, out ulong first)
            || !Mem.Load32(s, op, va + 4, out ulong second)) return s->Next;
        TAddress.WriteBack(s, op, va);
        s->X[op->Rd] = first;
        s->X[op->Ra] = second;
        return op + 1;
    }

    private static Op* LoadSigned<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Load32(s, op, va, out ulong first)
            || !Mem.Load32(s, op, va + 4, out ulong second)) return s->Next;
        TAddress.WriteBack(s, op, va);
        s->X[op->Rd] = (ulong)(int)first;
        s->X[op->Ra] = (ulong)(int)second;
        return op + 1;
    }

    private static Op* Store64<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op) || !Mem.Store128(s, op, va, s->X[op->Rd], s->X[op->Ra])) return s->Next;
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }

    private static Op* Store32<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Probe(s, op, va, 8, write: true)
            || !Mem.Store32(s, op, va, s->X[op->Rd])
            || !Mem.Store32(s, op, va + 4, s->X[op->Ra])) return s->Next;
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }
}
