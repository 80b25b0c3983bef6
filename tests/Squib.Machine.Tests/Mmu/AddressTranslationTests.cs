using Squib.Machine.Mmu;
using Squib.Machine.Tests.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Mmu;

public sealed unsafe class AddressTranslationTests : IDisposable
{
    private const ulong High = 0xffff_8000_0000_0000;
    private readonly CpuRig rig = new();

    public void Dispose() => rig.Dispose();

    [Fact]
    public void Addresses_are_physical_while_the_MMU_is_off()
    {
        AddressTranslation unit = rig.Cpu.Translation;
        Assert.Equal(0x1234_5000ul, unit.Translate(0x1234_5678, MemoryAccess.Write, user: true).Page);
        Assert.Equal(FaultStatus.AddressSize, unit.Translate(1ul << 44, MemoryAccess.Read, user: false).Fault);
    }

    [Fact]
    public void A_tag_in_the_top_byte_is_ignored_where_TBI_says_so()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(0x1000, CpuRig.Scratch, TranslationTables.User);
        rig.Write64(CpuRig.Scratch + 8, 33);
        (rig[0], rig[1]) = (0xab00_0000_0000_1008, TranslationTables.Control | (1ul << 37));
        rig.Run(A64.Ldr(2, 0));
        Assert.Equal(4u, rig.Syndrome);
        rig.Run(A64.MsrTcr(1), A64.Isb, A64.Ldr(2, 0));
        Assert.Equal(33ul, rig[2]);
    }

    [Fact]
    public void A_branch_to_a_tagged_address_drops_the_tag()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(0x1000, CpuRig.Scratch, TranslationTables.AccessFlag);
        rig.Load(CpuRig.Scratch, A64.Adr(3, 0), CpuRig.Hvc);
        (rig[0], rig[1]) = (0xab00_0000_0000_1000, TranslationTables.Control | (1ul << 37));
        rig.Run(A64.MsrTcr(1), A64.Isb, A64.Br(0));
        Assert.Equal(0x1000ul, rig[3]);
    }

    [Fact]
    public void The_address_space_id_comes_from_the_register_that_A1_names()
    {
        AddressTranslation unit = rig.Cpu.Translation;
        unit.SetTranslationControl(TranslationTables.Control);
        Assert.True(unit.SetLowerTable(0x1234ul << 48));
        Assert.False(unit.SetUpperTable(0x5678ul << 48));
        Assert.Equal(0x1234, unit.Asid);
        unit.SetTranslationControl(TranslationTables.Control | (1 << 22));
        Assert.Equal(0x5678, unit.Asid);
        unit.SetTranslationControl((TranslationTables.Control | (1 << 22)) & ~(1ul << 36));
        Assert.Equal(0x78, unit.Asid);
    }

    [Fact]
    public void Disabling_the_walks_of_a_half_takes_its_translations_away()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, CpuRig.Scratch, TranslationTables.Kernel);
        (rig[0], rig[1]) = (High, TranslationTables.Control | (1 << 23));
        rig.Run(A64.Ldr(2, 0), A64.MsrTcr(1), A64.Isb, A64.Ldr(2, 0));
        Assert.Equal((4u, High), (rig.Syndrome, rig.State->System.FarEl1));
    }

    [Fact]
    public void Turning_the_MMU_off_makes_addresses_physical_again()
    {
        TranslationTables tables = rig.EnableMmu();
        ulong va = CpuRig.Ram + 0x40_0000 - 0x1000;
        Assert.Equal(va, rig.Cpu.Translation.Translate(va, MemoryAccess.Read, user: false).Page);
        tables.MapPage(High, CpuRig.Scratch, TranslationTables.Kernel);
        rig[0] = rig.State->System.SctlrEl1 & ~1ul;
        rig[1] = High;
        rig.Run(A64.Ldr(2, 1), A64.MsrSctlr(0), A64.Isb, A64.Ldr(2, 1));
        Assert.Equal(FaultStatus.AddressSize, (int)rig.Syndrome);
    }
}
