using Squib.Machine.Mmu;
using static Squib.Machine.Cpu.Instructions.Values;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>Exclusive loads and stores, and the ordered LDAR and STLR.</summary>
/// <remarks>
/// The monitor marks a host address. An exclusive store also demands that memory still holds what the load read, so
/// that a device's write in between is noticed.
/// </remarks>
internal static unsafe class Exclusives
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions. Host addresses
    // come from MemSlow.TryPin, are aligned to the access and used at once.

    /// <summary>Adds the rows.</summary>
    /// <param name="table">The decode table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.AddPrepared("size:2 001000 0 1 0 Rs:5 o0 Rt2:5 Rn:5 Rt:5", "LDXR/LDAXR", &PrepareLoad);
        table.AddPrepared("size:2 001000 0 0 0 Rs:5 o0 Rt2:5 Rn:5 Rt:5", "STXR/STLXR", &PrepareStore);
        table.AddPrepared("1 sz 001000 0 1 1 Rs:5 o0 Rt2:5 Rn:5 Rt:5", "LDXP/LDAXP", &PrepareLoadPair);
        table.AddPrepared("1 sz 001000 0 0 1 Rs:5 o0 Rt2:5 Rn:5 Rt:5", "STXP/STLXP", &PrepareStorePair);
        table.AddPrepared("size:2 001000 1 1 0 Rs:5 1 Rt2:5 Rn:5 Rt:5", "LDAR", &PrepareAcquire);
        table.AddPrepared("size:2 001000 1 0 0 Rs:5 1 Rt2:5 Rn:5 Rt:5", "STLR", &PrepareRelease);
    }

    private static void SetRegisters(Op* op, bool loads)
    {
        op->Rd = loads ? Register.Destination(op->Word) : Register.Source(op->Word);
        op->Rn = Register.OrSp(op->Word, 5);
        op->Ra = loads ? Register.Destination(op->Word, 10) : Register.Source(op->Word, 10);
        op->Rm = Register.Destination(op->Word, 16);
        op->Immediate = 0;
    }

    private static void PrepareLoad(Op* op)
    {
        SetRegisters(op, loads: true);
        op->Immediate = 1u << (int)(op->Word >> 30);
        op->Execute = &Load;
    }

    private static void PrepareStore(Op* op)
    {
        SetRegisters(op, loads: false);
        op->Immediate = 1u << (int)(op->Word >> 30);
        op->Execute = &Store;
    }

    private static void PrepareLoadPair(Op* op)
    {
        SetRegisters(op, loads: true);
        op->Execute = Fields.Bit(op->Word, 30) ? &LoadPair64 : &LoadPair32;
    }

    private static void PrepareStorePair(Op* op)
    {
        SetRegisters(op, loads: false);
        op->Execute = Fields.Bit(op->Word, 30) ? &StorePair64 : &StorePair32;
    }

    private static void PrepareAcquire(Op* op)
    {
        SetRegisters(op, loads: true);
        op->Execute = (op->Word >> 30) switch
        {
            0 => &Acquire<Byte8>,
            1 => &Acquire<Half16>,
            2 => &Acquire<Word32>,
            _ => &Acquire<Double64>,
        };
    }

    private static void PrepareRelease(Op* op)
    {
        SetRegisters(op, loads: false);
        op->Execute = (op->Word >> 30) switch
        {
            0 => &Release<Byte8>,
            1 => &Release<Half16>,
            2 => &Release<Word32>,
            _ => &Release<Double64>,
        };
    }

    private static bool TryPin(CpuState* s, Op* op, uint size, bool write, out byte* host)
    {
        host = null;
        ulong va = s->X[op->Rn];
        if (!StackCheck.Passes(s, op)) return false;
        TlbEntry* line = Mem.Line(write ? s->WriteTlb : s->ReadTlb, va);
        if ((va & (size - 1)) == 0 && Mem.Hits(line, va, 1))
        {
            host = (byte*)(va + line->Addend);
            return true;
        }

        if (!MemSlow.TryPin(s, op, va, (int)size, write, out host)) return false;
        if (host != null) return true;
        Exceptions.DataAbort(s, op, va, FaultStatus.UnsupportedExclusive, write);
        return false;
    }

    private static void Mark(CpuState* s, byte* host, uint size, ulong low, ulong high)
    {
        s->ExclusiveAddress = (ulong)host;
        s->ExclusiveSize = size;
        s->ExclusiveLow = low;
        s->ExclusiveHigh = high;
    }

    // Whether the mark is on this access; it is gone afterwards.
    private static bool TakeMark(CpuState* s, byte* host, uint size)
    {
        bool marked = s->ExclusiveAddress == (ulong)host && s->ExclusiveSize == size;
        s->ExclusiveAddress = 0;
        return marked;
    }

    private static Op* Load(CpuState* s, Op* op)
    {
        var size = (uint)op->Immediate;
        if (!TryPin(s, op, size, write: false, out byte* host)) return s->Next;
        ulong value = size switch
        {
            1 => Volatile.Read(ref *host),
            2 => Volatile.Read(ref *(ushort*)host),
            4 => Volatile.Read(ref *(uint*)host),
            _ => Volatile.Read(ref *(ulong*)host),
        };
        Mark(s, host, size, value, 0);
        s->X[op->Rd] = value;
        return op + 1;
    }

    private static Op* Store(CpuState* s, Op* op)
    {
        var size = (uint)op->Immediate;
        if (!TryPin(s, op, size, write: true, out byte* host)) return s->Next;
        ulong value = s->X[op->Rd];
        ulong expected = s->ExclusiveLow;
        bool stored = TakeMark(s, host, size) && size switch
        {
            1 => Interlocked.CompareExchange(ref *host, (byte)value, (byte)expected) == (byte)expected,
            2 => Interlocked.CompareExchange(ref *(ushort*)host, (ushort)value, (ushort)expected) == (ushort)expected,
            4 => Interlocked.CompareExchange(ref *(uint*)host, (uint)value, (uint)expected) == (uint)expected,
            _ => Interlocked.CompareExchange(ref *(ulong*)host, value, expected) == expected,
        };
        s->X[op->Rm] = stored ? 0u : 1;
        return op + 1;
    }

    private static Op* LoadPair32(CpuState* s, Op* op)
    {
        if (!TryPin(s, op, 8, write: false, out byte* host)) return s->Next;
        ulong value = Volatile.Read(ref *(ulong*)host);
        Mark(s, host, 8, value, 0);
        s->X[op->Rd] = (uint)value;
        s->X[op->Ra] = value >> 32;
        return op + 1;
    }

    private static Op* StorePair32(CpuState* s, Op* op)
    {
        if (!TryPin(s, op, 8, write: true, out byte* host)) return s->Next;
        ulong value = (uint)s->X[op->Rd] | (s->X[op->Ra] << 32);
        ulong expected = s->ExclusiveLow;
        bool stored = TakeMark(s, host, 8)
            && Interlocked.CompareExchange(ref *(ulong*)host, value, expected) == expected;
        s->X[op->Rm] = stored ? 0u : 1;
        return op + 1;
    }

    private static Op* LoadPair64(CpuState* s, Op* op)
    {
        if (!TryPin(s, op, 16, write: false, out byte* host)) return s->Next;
        ulong low = Volatile.Read(ref *(ulong*)host);
        ulong high = Volatile.Read(ref *(ulong*)(host + 8));
        Mark(s, host, 16, low, high);
        s->X[op->Rd] = low;
        s->X[op->Ra] = high;
        return op + 1;
    }

    // .NET has no exchange of 128 bits. One vCPU runs, and no device writes what the guest exchanges in pairs.
    private static Op* StorePair64(CpuState* s, Op* op)
    {
        if (!TryPin(s, op, 16, write: true, out byte* host)) return s->Next;
        bool stored = TakeMark(s, host, 16)
            && Volatile.Read(ref *(ulong*)host) == s->ExclusiveLow
            && Volatile.Read(ref *(ulong*)(host + 8)) == s->ExclusiveHigh;
        if (stored)
        {
            Volatile.Write(ref *(ulong*)host, s->X[op->Rd]);
            Volatile.Write(ref *(ulong*)(host + 8), s->X[op->Ra]);
            Interlocked.MemoryBarrier();
        }

        s->X[op->Rm] = stored ? 0u : 1;
        return op + 1;
    }

    private static bool IsAligned(CpuState* s, Op* op, bool write)
    {
        ulong va = s->X[op->Rn];
        if (!StackCheck.Passes(s, op)) return false;
        if ((va & ((1u << (int)(op->Word >> 30)) - 1)) == 0) return true;
        Exceptions.DataAbort(s, op, va, FaultStatus.Alignment, write);
        return false;
    }

    private static Op* Acquire<TValue>(CpuState* s, Op* op)
        where TValue : struct, IValue
    {
        if (!IsAligned(s, op, write: false) || !Mem.Load<TValue>(s, op, s->X[op->Rn], out ulong value)) return s->Next;
        Volatile.ReadBarrier();
        s->X[op->Rd] = value;
        return op + 1;
    }

    private static Op* Release<TValue>(CpuState* s, Op* op)
        where TValue : struct, IValue
    {
        Volatile.WriteBarrier();
        if (!IsAligned(s, op, write: true) || !Mem.Store<TValue>(s, op, s->X[op->Rn], s->X[op->Rd])) return s->Next;

        // A load-acquire that follows must not be served before this store is seen.
        Interlocked.MemoryBarrier();
        return op + 1;
    }
}
