namespace Squib.Machine.Tests.Cpu;

/// <summary>Builds translation tables with the 4 KiB granule and 48 address bits in the memory of a rig.</summary>
internal sealed class TranslationTables
{
    public const ulong Kernel = AccessFlag | UserNoExecute;
    public const ulong User = AccessFlag | UserAccess | PrivilegedNoExecute | NotGlobal;
    public const ulong AccessFlag = 1 << 10;
    public const ulong UserAccess = 1 << 6;
    public const ulong ReadOnly = 1 << 7;
    public const ulong NotGlobal = 1 << 11;
    public const ulong PrivilegedNoExecute = 1ul << 53;
    public const ulong UserNoExecute = 1ul << 54;

    /// <summary>TCR_EL1: 48 bits for both halves, 4 KiB granules, 44-bit physical addresses, 16-bit ASID.</summary>
    public const ulong Control = 16 | (16 << 16) | (2ul << 30) | (4ul << 32) | (1ul << 36);

    private readonly CpuRig rig;
    private ulong free = CpuRig.Tables;

    public TranslationTables(CpuRig rig)
    {
        this.rig = rig;
        Lower = Allocate();
        Upper = Allocate();
    }

    public ulong Lower { get; }

    public ulong Upper { get; }

    /// <summary>Maps a page and answers with the address of its descriptor.</summary>
    public ulong MapPage(ulong va, ulong physical, ulong attributes, ulong? root = null)
    {
        ulong entry = Find(root ?? Root(va), va, lastLevel: 3);
        rig.Write64(entry, physical | attributes | 3);
        return entry;
    }

    /// <summary>Maps a block of 2 MiB and answers with the address of its descriptor.</summary>
    public ulong MapBlock(ulong va, ulong physical, ulong attributes)
    {
        ulong entry = Find(Root(va), va, lastLevel: 2);
        rig.Write64(entry, physical | attributes | 1);
        return entry;
    }

    /// <summary>The address of the descriptor of an address at a level, with the tables above it made.</summary>
    public ulong Find(ulong root, ulong va, int lastLevel)
    {
        ulong table = root;
        for (int level = 0; ; level++)
        {
            ulong entry = table + (((va >> (39 - (9 * level))) & 0x1ff) * 8);
            if (level == lastLevel) return entry;
            ulong descriptor = rig.Read64(entry);
            if ((descriptor & 1) == 0)
            {
                descriptor = Allocate() | 3;
                rig.Write64(entry, descriptor);
            }

            table = descriptor & 0x0000_ffff_ffff_f000;
        }
    }

    /// <summary>Another, empty lower half.</summary>
    public ulong Allocate()
    {
        ulong table = free;
        free += 0x1000;
        return table;
    }

    public ulong Root(ulong va) => (va >> 55) == 0 ? Lower : Upper;
}
