using System.Runtime.InteropServices;
using Squib.Machine.Mmu;

namespace Squib.Machine.Cpu;

/// <summary>The decoded instructions of guest pages, by physical page.</summary>
/// <remarks>
/// Instructions are decoded when they are first executed. As the architecture has it, a change of the code counts only
/// after the guest has invalidated its instruction cache; what was decoded is then compared with memory, and only what
/// differs is decoded again. When all pages are in use, all are dropped.
/// </remarks>
internal sealed unsafe class CodeCache : IDisposable
{
    // SAFETY: pages are carved from unmanaged chunks that are freed only with the cache, so that an Op that is
    // executing stays readable even when its page is given another meaning. A page's Host points to 4096 bytes of
    // pinned guest RAM.
    private const int MaxPages = 2048;
    private const int PagesPerChunk = 32;
    private const int OpsPerPage = 1024;
    private const int HeaderBytes = 64;
    private static readonly int PageBytes = (HeaderBytes + ((OpsPerPage + 1) * sizeof(Op)) + 63) & ~63;

    private readonly Dictionary<ulong, nint> pages = [];
    private readonly List<nint> chunks = [];
    private readonly Op* alone;
    private uint generation;

    /// <summary>Creates an empty cache.</summary>
    public CodeCache()
    {
        alone = (Op*)NativeMemory.AllocZeroed(2, (nuint)sizeof(Op));
        alone[0].Execute = &Refetch;
        alone[1].Execute = &Park;
    }

    /// <summary>Finds the instruction at an address that the fetch table does not know.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="va">The virtual address.</param>
    /// <returns>The instruction there, or the first of the exception that the fetch causes.</returns>
    internal static Op* Fetch(CpuState* s, ulong va)
    {
        SoftwareCpu cpu = SoftwareCpu.Of(s);
        va = cpu.Translation.Untag(va);
        if (TryFetch(s, cpu, va) is var op && op != null) return op;
        va = Exceptions.FetchAbort(s, va);
        if (TryFetch(s, cpu, va) is var vector && vector != null) return vector;

        // No exception vector either: the guest is lost, but must not take the host along.
        s->PageOps = cpu.Code.alone;
        s->PageVa = va;
        return s->PageOps;
    }

    /// <summary>Lets the CPU do nothing until its loop looks at what there is to do.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="pc">Where it goes on.</param>
    internal Op* ParkAt(CpuState* s, ulong pc)
    {
        s->PageOps = alone + 1;
        s->PageVa = pc;
        return s->PageOps;
    }

    /// <summary>Forgets what was decoded of a line if memory says otherwise.</summary>
    /// <param name="physical">A physical address in the line of 64 bytes.</param>
    internal void InvalidateLine(ulong physical)
    {
        if (!pages.TryGetValue(physical >> 12, out nint page)) return;
        int first = (int)((physical >> 2) & (OpsPerPage - 1) & ~0xful);
        Compare((Page*)page, first, 16);
    }

    /// <summary>
    /// Has all pages compared with memory before they are used again; the fetch tables must be emptied too.
    /// </summary>
    internal void InvalidateAll() => generation++;

    /// <summary>Frees all pages.</summary>
    public void Dispose()
    {
        foreach (nint chunk in chunks) NativeMemory.AlignedFree((void*)chunk);
        NativeMemory.Free(alone);
    }

    private static Op* TryFetch(CpuState* s, SoftwareCpu cpu, ulong va)
    {
        if ((va & 3) != 0) return null;
        Translation found = cpu.Translation.Translate(va, MemoryAccess.Fetch, s->El == 0);
        if (found.Failed) return null;
        Page* page = cpu.Code.Get(cpu, found.Page);
        if (page == null) return null;
        FetchEntry* line = Pc.Line(s->FetchTlb, va);
        line->Tag = va & ~0xffful;
        line->Ops = Ops(page);
        s->PageVa = line->Tag;
        s->PageOps = line->Ops;
        return line->Ops + ((va >> 2) & (OpsPerPage - 1));
    }

    private static Op* Ops(Page* page) => (Op*)((byte*)page + HeaderBytes);

    private static Op* Refetch(CpuState* s, Op* op)
    {
        s->LeftFrom = op;
        return Pc.Jump(s, s->PageVa);
    }

    private static Op* Park(CpuState* s, Op* op)
    {
        s->LeftFrom = op;
        s->NotInstructions++;
        return op;
    }

    // Stands behind the last instruction of a page, and is none itself.
    private static Op* NextPage(CpuState* s, Op* op)
    {
        s->LeftFrom = op - 1;
        return Pc.Jump(s, s->PageVa + 0x1000);
    }

    private static Op* DecodeFirst(CpuState* s, Op* op)
    {
        var page = (Page*)((byte*)s->PageOps - HeaderBytes);
        uint index = (uint)(op - s->PageOps);
        InstructionSet.Table.Decode(op, ((uint*)page->Host)[index], index * 4);
        return op->Execute(s, op);
    }

    private static void Compare(Page* page, int first, int count)
    {
        Op* ops = Ops(page);
        for (int i = first; i < first + count; i++)
        {
            if (ops[i].Word != ((uint*)page->Host)[i]) ops[i].Execute = &DecodeFirst;
        }
    }

    private Page* Get(SoftwareCpu cpu, ulong physical)
    {
        if (pages.TryGetValue(physical >> 12, out nint known))
        {
            var page = (Page*)known;
            if (page->Generation == generation) return page;
            page->Generation = generation;
            Compare(page, 0, OpsPerPage);
            return page;
        }

        byte* host = cpu.Ram.Find(physical);
        if (host == null) return null;
        if (pages.Count == MaxPages)
        {
            pages.Clear();
            cpu.Lines.FlushFetch();
        }

        Page* free = Carve(pages.Count);
        free->Host = host;
        free->Generation = generation;
        Op* ops = Ops(free);
        for (int i = 0; i < OpsPerPage; i++) ops[i].Execute = &DecodeFirst;
        ops[OpsPerPage].Execute = &NextPage;
        pages.Add(physical >> 12, (nint)free);
        return free;
    }

    private Page* Carve(int index)
    {
        int chunk = index / PagesPerChunk;
        if (chunk == chunks.Count)
            chunks.Add((nint)NativeMemory.AlignedAlloc((nuint)(PagesPerChunk * PageBytes), 4096));

        return (Page*)(chunks[chunk] + ((index % PagesPerChunk) * PageBytes));
    }

    private struct Page
    {
        public byte* Host;
        public uint Generation;
    }
}
