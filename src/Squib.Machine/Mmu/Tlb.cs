namespace Squib.Machine.Mmu;

/// <summary>The translations of pages found before, tagged with their address space id.</summary>
/// <remarks>
/// The set of a page depends on its address alone, so invalidating a page for all address spaces is a look at one set.
/// Blocks are kept as the pages of them that were used; which blocks that happened to is remembered, because the
/// invalidation of any address in a block must drop all of it.
/// </remarks>
internal sealed class Tlb
{
    private const int Ways = 4;
    private const int Sets = 1024;
    private const int MaxBlocks = 4096;
    private const ulong PageBits = (1ul << 37) - 1;
    private const ulong Valid = 1ul << 37;
    private const ulong Global = 1ul << 38;
    private const int AsidShift = 48;

    private readonly Line[] lines = new Line[Sets * Ways];
    private readonly HashSet<ulong> blocks = [];
    private int victim;

    /// <summary>Looks a page up.</summary>
    /// <param name="va">A virtual address in the page.</param>
    /// <param name="asid">The address space id.</param>
    /// <param name="translation">The translation.</param>
    /// <returns>Whether it is known.</returns>
    public bool TryFind(ulong va, ushort asid, out Translation translation)
    {
        ulong page = PageNumber(va);
        ulong global = page | Valid | Global;
        ulong own = page | Valid | ((ulong)asid << AsidShift);
        foreach (ref readonly Line line in Set(page))
        {
            if (line.Key == global || line.Key == own)
            {
                translation = line.Translation;
                return true;
            }
        }

        translation = default;
        return false;
    }

    /// <summary>Keeps a translation.</summary>
    /// <param name="va">A virtual address in the page.</param>
    /// <param name="asid">The address space id.</param>
    /// <param name="translation">The translation.</param>
    public void Insert(ulong va, ushort asid, in Translation translation)
    {
        if (translation.Level < 3)
        {
            if (blocks.Count == MaxBlocks) InvalidateAll();
            blocks.Add(BlockKey(va, translation.Level));
        }

        ulong page = PageNumber(va);
        bool global = (translation.Attributes & PageAttributes.NotGlobal) == 0;
        ulong key = page | Valid | (global ? Global : (ulong)asid << AsidShift);
        Span<Line> set = Set(page);
        int way = victim = (victim + 1) % Ways;
        for (int i = 0; i < Ways; i++)
        {
            if ((set[i].Key & Valid) == 0) way = i;
        }

        set[way] = new Line(key, translation);
    }

    /// <summary>Drops everything.</summary>
    public void InvalidateAll()
    {
        Array.Clear(lines);
        blocks.Clear();
    }

    /// <summary>Drops the translations of a page.</summary>
    /// <param name="va">A virtual address in the page.</param>
    /// <param name="asid">
    /// The address space whose translation it is, besides global ones; null for all address spaces.
    /// </param>
    /// <returns>False if the address lay in a block, so that everything was dropped.</returns>
    public bool InvalidatePage(ulong va, ushort? asid)
    {
        if (blocks.Count != 0 && (blocks.Contains(BlockKey(va, 2)) || blocks.Contains(BlockKey(va, 1))))
        {
            InvalidateAll();
            return false;
        }

        ulong page = PageNumber(va);
        foreach (ref Line line in Set(page))
        {
            if ((line.Key & PageBits) != page) continue;
            if (asid is not { } id || (line.Key & Global) != 0 || line.Key >> AsidShift == id) line.Key = 0;
        }

        return true;
    }

    /// <summary>Drops the translations of one address space that are not global.</summary>
    /// <param name="asid">The address space id.</param>
    public void InvalidateAsid(ushort asid)
    {
        foreach (ref Line line in lines.AsSpan())
        {
            if ((line.Key & Global) == 0 && line.Key >> AsidShift == asid) line.Key = 0;
        }
    }

    // Bits 47 to 12, and bit 55 for the half of the address space; what lies between is the same, or no translation
    // exists.
    private static ulong PageNumber(ulong va) => ((va >> 12) & (PageBits >> 1)) | (((va >> 55) & 1) << 36);

    private static ulong BlockKey(ulong va, int level)
    {
        int shift = level == 2 ? 9 : 18;
        return ((PageNumber(va) >> shift) << 2) | (uint)level;
    }

    private Span<Line> Set(ulong page) => lines.AsSpan((int)((page ^ (page >> 10)) % Sets) * Ways, Ways);

    private record struct Line(ulong Key, Translation Translation);
}
