using System.Runtime.InteropServices;

namespace Squib.Machine.Cpu;

/// <summary>The look-aside tables of the fast paths: reading, writing and fetching, each for EL0 and EL1.</summary>
/// <remarks>They hold what the address translation answered before, for the current address space only.</remarks>
internal sealed unsafe class LookAside : IDisposable
{
    // SAFETY: one block of unmanaged memory, freed when the CPU is disposed of; all tables lie in it.
    private const int Levels = 2;
    private readonly TlbEntry* read;
    private readonly TlbEntry* write;
    private readonly TlbEntry* none;
    private readonly FetchEntry* fetch;

    /// <summary>Allocates the tables, empty.</summary>
    public LookAside()
    {
        const int Tables = (2 * Levels) + 1;
        int bytes = (Tables * TlbEntry.Lines * sizeof(TlbEntry)) + (Levels * FetchEntry.Lines * sizeof(FetchEntry));
        read = (TlbEntry*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        write = read + (Levels * TlbEntry.Lines);
        none = write + (Levels * TlbEntry.Lines);
        fetch = (FetchEntry*)(none + TlbEntry.Lines);
        Clear(none, TlbEntry.Lines);
        Flush();
    }

    /// <summary>Points a CPU at the tables of its exception level.</summary>
    /// <param name="s">The CPU.</param>
    public void Select(CpuState* s)
    {
        bool checksAlignment = s->System.ChecksAlignment;
        s->ReadTlb = checksAlignment ? none : read + (s->El * TlbEntry.Lines);
        s->WriteTlb = checksAlignment ? none : write + (s->El * TlbEntry.Lines);
        s->FetchTlb = fetch + (s->El * FetchEntry.Lines);
    }

    /// <summary>Points a CPU at the tables of EL0 for one load or store.</summary>
    /// <param name="s">The CPU, at EL1.</param>
    public void SelectUser(CpuState* s)
    {
        if (s->ReadTlb == none) return;
        s->ReadTlb = read;
        s->WriteTlb = write;
    }

    /// <summary>Adds a page that may be read.</summary>
    /// <param name="s">The CPU whose current table it goes to.</param>
    /// <param name="va">An address in the page.</param>
    /// <param name="host">The host's address of the same byte.</param>
    public void AddRead(CpuState* s, ulong va, byte* host) => Add(s->ReadTlb, va, host);

    /// <summary>Adds a page that may be written.</summary>
    /// <param name="s">The CPU whose current table it goes to.</param>
    /// <param name="va">An address in the page.</param>
    /// <param name="host">The host's address of the same byte.</param>
    public void AddWrite(CpuState* s, ulong va, byte* host) => Add(s->WriteTlb, va, host);

    /// <summary>Empties all tables.</summary>
    public void Flush()
    {
        Clear(read, 2 * Levels * TlbEntry.Lines);
        FlushFetch();
    }

    /// <summary>Empties the tables of fetching.</summary>
    public void FlushFetch() => Clear((TlbEntry*)fetch, Levels * FetchEntry.Lines);

    /// <summary>Drops a page from all tables.</summary>
    /// <param name="va">A virtual address in the page.</param>
    public void FlushPage(ulong va)
    {
        // A line that belongs to another page is found again soon enough.
        for (int level = 0; level < Levels; level++)
        {
            Mem.Line(read + (level * TlbEntry.Lines), va)->Tag = TlbEntry.NoTag;
            Mem.Line(write + (level * TlbEntry.Lines), va)->Tag = TlbEntry.NoTag;
            Pc.Line(fetch + (level * FetchEntry.Lines), va)->Tag = TlbEntry.NoTag;
        }
    }

    /// <summary>Frees the tables.</summary>
    public void Dispose() => NativeMemory.AlignedFree(read);

    private static void Clear(TlbEntry* table, int lines)
    {
        for (int i = 0; i < lines; i++) table[i].Tag = TlbEntry.NoTag;
    }

    private void Add(TlbEntry* table, ulong va, byte* host)
    {
        if (table == none) return;
        TlbEntry* line = Mem.Line(table, va);
        line->Tag = va & ~0xffful;
        line->Addend = (ulong)host - va;
    }
}
