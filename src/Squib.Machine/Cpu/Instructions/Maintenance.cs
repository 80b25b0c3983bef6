using System.Runtime.InteropServices;
using Squib.Machine.Mmu;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>The system instructions: maintenance of caches and TLB, address translation, DC ZVA.</summary>
/// <remarks>There is no data cache, so cleaning does nothing but fail where the address has no translation.</remarks>
internal static unsafe class Maintenance
{
    // SAFETY: as for all handlers: s is the CPU that is executing, op one of its decoded instructions. DC ZVA clears a
    // block that is aligned to its size and lies in one page of pinned guest RAM.
    private const uint SctlrDze = 1 << 14;
    private const uint SctlrUci = 1 << 26;
    private const int ZeroBytes = SystemRegisters.ZeroBlockBytes;

    /// <summary>Chooses what executes a SYS.</summary>
    /// <param name="op">The instruction.</param>
    internal static void Prepare(Op* op)
    {
        uint word = op->Word;
        op->Rd = Register.Source(word);
        uint op1 = Fields.Bits(word, 16, 3);
        uint crn = Fields.Bits(word, 12, 4);
        uint crm = Fields.Bits(word, 8, 4);
        uint op2 = Fields.Bits(word, 5, 3);
        op->Execute = (crn, op1) switch
        {
            (7, _) => ChooseCache(op1, crm, op2),
            (8, 0) when crm is 3 or 7 => ChooseTlb(op2),
            _ => &Exceptions.Undefined,
        };
        op->Immediate = op2;
    }

    private static delegate*<CpuState*, Op*, Op*> ChooseCache(uint op1, uint crm, uint op2) => (op1, crm, op2) switch
    {
        (0, 1, 0) or (0, 5, 0) => &InvalidateInstructions, // IC IALLUIS, IC IALLU
        (3, 5, 1) => &InvalidateInstructionLine, // IC IVAU
        (0, 6, 1) => &InvalidateData, // DC IVAC
        (0, 6, 2) or (0, 10, 2) or (0, 14, 2) => &MaintainSet, // DC ISW, CSW, CISW
        (3, 10, 1) or (3, 11, 1) or (3, 14, 1) => &CleanData, // DC CVAC, CVAU, CIVAC
        (3, 4, 1) => &ZeroBlock, // DC ZVA
        (0, 8, <= 3) => &TranslateAddress, // AT S1E1R, S1E1W, S1E0R, S1E0W
        _ => &Exceptions.Undefined,
    };

    private static delegate*<CpuState*, Op*, Op*> ChooseTlb(uint op2) => op2 switch
    {
        0 => &InvalidateTlb, // VMALLE1
        1 or 5 => &InvalidatePageOfAsid, // VAE1, VALE1
        2 => &InvalidateAsid, // ASIDE1
        3 or 7 => &InvalidatePage, // VAAE1, VAALE1
        _ => &Exceptions.Undefined,
    };

    private static bool IsTrapped(CpuState* s, uint enable) => s->El == 0 && (s->System.SctlrEl1 & enable) == 0;

    private static Op* InvalidateInstructions(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        cpu.Code.InvalidateAll();
        cpu.Lines.FlushFetch();
        return Pc.Jump(s, Pc.Leave(s, op) + 4);
    }

    private static Op* InvalidateInstructionLine(CpuState* s, Op* op)
    {
        if (IsTrapped(s, SctlrUci)) return Exceptions.SystemTrap(s, op);
        if (!MemSlow.TryTranslate(s, op, s->X[op->Rd], write: false, out ulong physical, maintenance: true))
            return s->Next;
        SoftwareCpu.Of(s).Code.InvalidateLine(physical);
        return op + 1;
    }

    private static Op* InvalidateData(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        bool done = MemSlow.TryTranslate(s, op, s->X[op->Rd], write: true, out _, maintenance: true);
        return done ? op + 1 : s->Next;
    }

    private static Op* MaintainSet(CpuState* s, Op* op) => s->El == 0 ? Exceptions.Undefined(s, op) : op + 1;

    private static Op* CleanData(CpuState* s, Op* op)
    {
        if (IsTrapped(s, SctlrUci)) return Exceptions.SystemTrap(s, op);
        bool done = MemSlow.TryTranslate(s, op, s->X[op->Rd], write: false, out _, maintenance: true);
        return done ? op + 1 : s->Next;
    }

    private static Op* ZeroBlock(CpuState* s, Op* op)
    {
        if (IsTrapped(s, SctlrDze)) return Exceptions.SystemTrap(s, op);
        ulong va = s->X[op->Rd];
        ulong start = va & ~(ulong)(ZeroBytes - 1);
        TlbEntry* line = Mem.Line(s->WriteTlb, start);
        if (line->Tag == (start & ~0xffful))
        {
            NativeMemory.Clear((void*)(start + line->Addend), ZeroBytes);
            return op + 1;
        }

        if (!MemSlow.TryTranslate(s, op, va, write: true, out ulong physical)) return s->Next;
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        byte* host = cpu.Ram.Find(physical & ~(ulong)(ZeroBytes - 1), out bool readOnly);
        if (host == null)
        {
            Exceptions.DataAbort(s, op, va, FaultStatus.Alignment, write: true);
            return s->Next;
        }

        if (readOnly) return op + 1;
        cpu.Lines.AddWrite(s, start, host);
        NativeMemory.Clear(host, ZeroBytes);
        return op + 1;
    }

    private static Op* TranslateAddress(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        bool user = (op->Immediate & 2) != 0;
        MemoryAccess access = (op->Immediate & 1) != 0 ? MemoryAccess.Write : MemoryAccess.Read;
        Translation found = SoftwareCpu.Of(s).Translation.Translate(s->X[op->Rd], access, user);
        const ulong Reserved = 1 << 11;
        if (found.Failed)
        {
            s->System.ParEl1 = Reserved | 1 | ((ulong)found.Fault << 1);
            return op + 1;
        }

        ulong attributes = (s->System.MairEl1 >> (found.MemoryType * 8)) & 0xff;
        const ulong InnerShareable = 3 << 7;
        s->System.ParEl1 = (attributes << 56) | found.Page | Reserved | InnerShareable;
        return op + 1;
    }

    private static Op* InvalidateTlb(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        cpu.Translation.InvalidateAll();
        cpu.Lines.Flush();
        return op + 1;
    }

    private static Op* InvalidatePage(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        return InvalidatePage(s, op, asid: null);
    }

    private static Op* InvalidatePageOfAsid(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        return InvalidatePage(s, op, (ushort)(s->X[op->Rd] >> 48));
    }

    private static Op* InvalidatePage(CpuState* s, Op* op, ushort? asid)
    {
        // The register holds bits 55 to 12 of the address.
        var va = (ulong)((long)(s->X[op->Rd] << 20) >> 8);
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        if (cpu.Translation.InvalidatePage(va, asid)) cpu.Lines.FlushPage(va);
        else cpu.Lines.Flush();
        return op + 1;
    }

    private static Op* InvalidateAsid(CpuState* s, Op* op)
    {
        if (s->El == 0) return Exceptions.Undefined(s, op);
        var asid = (ushort)(s->X[op->Rd] >> 48);
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        cpu.Translation.InvalidateAsid(asid);
        if (asid == cpu.Translation.Asid) cpu.Lines.Flush();
        return op + 1;
    }
}
