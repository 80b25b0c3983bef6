using static Squib.Machine.Cpu.Instructions.Addresses;
using static Squib.Machine.Cpu.Instructions.Values;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>
/// Loads and stores of one SIMD and floating-point register or a pair of them, in all addressing modes.
/// </summary>
/// <remarks>Loads clear what they do not fill of the register. Here Rd and Ra are numbers of V registers.</remarks>
internal static unsafe class VectorLoadStore
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("opc:2 011 1 00 imm19:19 Rt:5", "LDR (V, literal)", &PrepareLiteral, HasSize);
        table.AddPrepared("size:2 111 1 01 opc:2 imm12:12 Rn:5 Rt:5", "LDR/STR (V)", &PrepareUnsigned, HasWidth);
        table.AddPrepared("size:2 111 1 00 opc:2 0 imm9:9 00 Rn:5 Rt:5", "LDUR/STUR (V)", &PrepareSigned, HasWidth);
        table.AddPrepared("size:2 111 1 00 opc:2 0 imm9:9 01 Rn:5 Rt:5", "LDR/STR (V, post)", &PrepareSigned, HasWidth);
        table.AddPrepared("size:2 111 1 00 opc:2 0 imm9:9 11 Rn:5 Rt:5", "LDR/STR (V, pre)", &PrepareSigned, HasWidth);
        table.AddPrepared(
            "size:2 111 1 00 opc:2 1 Rm:5 option:3 S 10 Rn:5 Rt:5",
            "LDR/STR (V, register)",
            &PrepareRegister,
            word => Fields.Bit(word, 14) && HasWidth(word));
        table.AddPrepared("opc:2 101 1 000 L imm7:7 Rt2:5 Rn:5 Rt:5", "LDNP/STNP (V)", &PreparePair, HasSize);
        table.AddPrepared("opc:2 101 1 001 L imm7:7 Rt2:5 Rn:5 Rt:5", "LDP/STP (V, post)", &PreparePair, HasSize);
        table.AddPrepared("opc:2 101 1 010 L imm7:7 Rt2:5 Rn:5 Rt:5", "LDP/STP (V)", &PreparePair, HasSize);
        table.AddPrepared("opc:2 101 1 011 L imm7:7 Rt2:5 Rn:5 Rt:5", "LDP/STP (V, pre)", &PreparePair, HasSize);
    }

    // opc<1> makes 128 bits of the smallest size; the other sizes have none of it.
    private static bool HasWidth(uint word) => !Fields.Bit(word, 23) || word >> 30 == 0;

    private static bool HasSize(uint word) => word >> 30 != 3;

    // The binary logarithm of the number of bytes.
    private static int Scale(uint word) => Fields.Bit(word, 23) ? 4 : (int)(word >> 30);

    private static void SetRegisters(Op* op)
    {
        op->Rd = (byte)(op->Word & 31);
        op->Rn = Register.OrSp(op->Word, 5);
    }

    private static void PrepareLiteral(Op* op)
    {
        op->Rd = (byte)(op->Word & 31);
        op->Rn = CpuState.Zero;
        op->Immediate += (ulong)(Fields.Signed(op->Word, 5, 19) << 2);
        op->Execute = Choose<Literal>((int)(op->Word >> 30) + 2, loads: true);
    }

    private static void PrepareUnsigned(Op* op)
    {
        SetRegisters(op);
        int scale = Scale(op->Word);
        op->Immediate = (ulong)Fields.Bits(op->Word, 10, 12) << scale;
        op->Execute = Choose<Offset>(scale, Fields.Bit(op->Word, 22));
    }

    private static void PrepareSigned(Op* op)
    {
        SetRegisters(op);
        op->Immediate = (ulong)Fields.Signed(op->Word, 12, 9);
        int scale = Scale(op->Word);
        bool loads = Fields.Bit(op->Word, 22);
        op->Execute = Fields.Bits(op->Word, 10, 2) switch
        {
            0 => Choose<Offset>(scale, loads),
            1 => Choose<PostIndexed>(scale, loads),
            _ => Choose<PreIndexed>(scale, loads),
        };
    }

    private static void PrepareRegister(Op* op)
    {
        SetRegisters(op);
        int scale = Scale(op->Word);
        bool loads = Fields.Bit(op->Word, 22);
        op->Rm = Register.Source(op->Word, 16);
        op->Immediate = Fields.Bit(op->Word, 12) ? (ulong)scale : 0;
        op->Execute = Fields.Bits(op->Word, 13, 3) switch
        {
            2 => Choose<UnsignedWordOffset>(scale, loads),
            6 => Choose<SignedWordOffset>(scale, loads),
            _ => Choose<RegisterOffset>(scale, loads),
        };
    }

    private static void PreparePair(Op* op)
    {
        SetRegisters(op);
        op->Ra = (byte)Fields.Bits(op->Word, 10, 5);
        int scale = (int)(op->Word >> 30) + 2;
        bool loads = Fields.Bit(op->Word, 22);
        op->Immediate = (ulong)(Fields.Signed(op->Word, 15, 7) << scale);
        op->Execute = Fields.Bits(op->Word, 23, 2) switch
        {
            1 => ChoosePair<PostIndexed>(scale, loads),
            3 => ChoosePair<PreIndexed>(scale, loads),
            _ => ChoosePair<Offset>(scale, loads),
        };
    }

    private static delegate*<CpuState*, Op*, Op*> Choose<TAddress>(int scale, bool loads)
        where TAddress : struct, IAddress => scale switch
        {
            0 => loads ? &Load<Byte8, TAddress> : &Store<Byte8, TAddress>,
            1 => loads ? &Load<Half16, TAddress> : &Store<Half16, TAddress>,
            2 => loads ? &Load<Word32, TAddress> : &Store<Word32, TAddress>,
            3 => loads ? &Load<Double64, TAddress> : &Store<Double64, TAddress>,
            _ => loads ? &Load128<TAddress> : &Store128<TAddress>,
        };

    private static delegate*<CpuState*, Op*, Op*> ChoosePair<TAddress>(int scale, bool loads)
        where TAddress : struct, IAddress => scale switch
        {
            2 => loads ? &LoadPair32<TAddress> : &StorePair32<TAddress>,
            3 => loads ? &LoadPair64<TAddress> : &StorePair64<TAddress>,
            _ => loads ? &LoadPair128<TAddress> : &StorePair128<TAddress>,
        };

    private static Op* Load<TValue, TAddress>(CpuState* s, Op* op)
        where TValue : struct, IValue
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op) || !Mem.Load<TValue>(s, op, va, out ulong value)) return s->Next;
        TAddress.WriteBack(s, op, va);
        Set(s, op->Rd, value, 0);
        return op + 1;
    }

    private static Op* Store<TValue, TAddress>(CpuState* s, Op* op)
        where TValue : struct, IValue
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op) || !Mem.Store<TValue>(s, op, va, s->V[2 * op->Rd])) return s->Next;
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }

    private static Op* Load128<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op) || !Mem.Load128(s, op, va, out ulong low, out ulong high)) return s->Next;
        TAddress.WriteBack(s, op, va);
        Set(s, op->Rd, low, high);
        return op + 1;
    }

    private static Op* Store128<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Store128(s, op, va, s->V[2 * op->Rd], s->V[(2 * op->Rd) + 1])) return s->Next;
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }

    private static Op* LoadPair32<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Load32(s, op, va, out ulong first)
            || !Mem.Load32(s, op, va + 4, out ulong second)) return s->Next;
        TAddress.WriteBack(s, op, va);
        Set(s, op->Rd, first, 0);
        Set(s, op->Ra, second, 0);
        return op + 1;
    }

    private static Op* StorePair32<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Probe(s, op, va, 8, write: true)
            || !Mem.Store32(s, op, va, s->V[2 * op->Rd])
            || !Mem.Store32(s, op, va + 4, s->V[2 * op->Ra])) return s->Next;
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }

    private static Op* LoadPair64<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op) || !Mem.Load128(s, op, va, out ulong first, out ulong second)) return s->Next;
        TAddress.WriteBack(s, op, va);
        Set(s, op->Rd, first, 0);
        Set(s, op->Ra, second, 0);
        return op + 1;
    }

    private static Op* StorePair64<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Store128(s, op, va, s->V[2 * op->Rd], s->V[2 * op->Ra])) return s->Next;
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }

    private static Op* LoadPair128<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Load128(s, op, va, out ulong firstLow, out ulong firstHigh)
            || !Mem.Load128(s, op, va + 16, out ulong secondLow, out ulong secondHigh)) return s->Next;
        TAddress.WriteBack(s, op, va);
        Set(s, op->Rd, firstLow, firstHigh);
        Set(s, op->Ra, secondLow, secondHigh);
        return op + 1;
    }

    private static Op* StorePair128<TAddress>(CpuState* s, Op* op)
        where TAddress : struct, IAddress
    {
        if (s->SimdTrapped) return Exceptions.SimdTrap(s, op);
        ulong va = TAddress.Of(s, op);
        if (!StackCheck.Passes(s, op)
            || !Mem.Probe(s, op, va, 32, write: true)
            || !Mem.Store128(s, op, va, s->V[2 * op->Rd], s->V[(2 * op->Rd) + 1])
            || !Mem.Store128(s, op, va + 16, s->V[2 * op->Ra], s->V[(2 * op->Ra) + 1])) return s->Next;
        TAddress.WriteBack(s, op, va);
        return op + 1;
    }

    private static void Set(CpuState* s, byte register, ulong low, ulong high)
    {
        s->V[2 * register] = low;
        s->V[(2 * register) + 1] = high;
    }
}
