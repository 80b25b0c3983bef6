using System.Buffers.Binary;
using Squib.Machine.Cpu;
using Squib.Virtio.Memory;
using Xunit;

namespace Squib.Machine.Tests.Cpu.Instructions;

public sealed unsafe class MaintenanceTests : IDisposable
{
    private const ulong High = 0xffff_8000_0000_0000;
    private const ulong Routine = CpuRig.Code + 0x1000;
    private readonly CpuRig rig = new();

    public void Dispose() => rig.Dispose();

    [Fact]
    public void Code_that_changed_is_executed_after_IC_IVAU_of_its_line()
    {
        rig.Load(Routine, A64.Movz(0, 1), A64.Movz(1, 1), A64.Ret);
        (rig[5], rig[6]) = (Routine, A64.Movz(0, 2) | ((ulong)A64.Movz(1, 2) << 32));
        rig.Run(A64.Blr(5), A64.Str(6, 5), A64.IcIvau(5), A64.Isb, A64.Blr(5));
        Assert.Equal((2ul, 2ul), (rig[0], rig[1]));
    }

    [Fact]
    public void IC_IVAU_reaches_code_through_another_mapping()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, Routine, TranslationTables.Kernel);
        rig.Load(Routine, A64.Movz(0, 1), A64.Ret);
        (rig[5], rig[6], rig[7]) = (Routine, A64.Movz(0, 2) | ((ulong)A64.Ret << 32), High);
        rig.Run(A64.Blr(5), A64.Str(6, 7), A64.IcIvau(7), A64.Isb, A64.Blr(5));
        Assert.Equal(2ul, rig[0]);
    }

    [Fact]
    public void IC_IALLU_makes_all_changed_code_seen()
    {
        rig.Load(Routine, A64.Movz(0, 1), A64.Ret);
        rig.Load(Routine + 0x1000, A64.Movz(1, 1), A64.Ret);
        (rig[5], rig[6], rig[7]) = (Routine, A64.Movz(0, 2) | ((ulong)A64.Ret << 32), Routine + 0x1000);
        rig[8] = A64.Movz(1, 2) | ((ulong)A64.Ret << 32);
        rig.Run(
            A64.Blr(5), A64.Blr(7), A64.Str(6, 5), A64.Str(8, 7), A64.IcIallu, A64.Isb, A64.Blr(5), A64.Blr(7));
        Assert.Equal((2ul, 2ul), (rig[0], rig[1]));
    }

    [Fact]
    public void A_change_in_the_page_that_executes_is_seen_after_IC_IALLU()
    {
        (rig[5], rig[6]) = (CpuRig.Code + 16, A64.Movz(0, 2) | ((ulong)CpuRig.Hvc << 32));
        rig.Load(CpuRig.Code, A64.Bl(4), A64.Str(6, 5), A64.IcIallu, A64.Isb, A64.Movz(0, 1), A64.Ret);
        rig.RunFrom(CpuRig.Code);
        Assert.Equal(2ul, rig[0]);
    }

    [Fact]
    public void More_pages_of_code_than_are_kept_decoded_still_execute()
    {
        const ulong Pages = 3000;
        byte[] ram = GC.AllocateArray<byte>((int)(Pages + 1) * 0x1000, pinned: true);
        for (int page = 0; page < (int)Pages; page++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(ram.AsSpan(page * 0x1000), A64.AddImmediate(0, 0, 1));
            BinaryPrimitives.WriteUInt32LittleEndian(ram.AsSpan((page * 0x1000) + 4), A64.B(0x3ff));
        }

        BinaryPrimitives.WriteUInt32LittleEndian(ram.AsSpan((int)Pages * 0x1000), CpuRig.Hvc);
        var exits = new RecordingExits();
        using var cpu = new SoftwareCpu(new GuestMemory(new GuestRegion(CpuRig.Ram, ram)), rig.Bus, exits);
        exits.Cpu = cpu;
        for (ulong round = 1; round <= 2; round++)
        {
            cpu.Start(CpuRig.Ram, 0);
            cpu.Run();
            Assert.Equal(Pages, cpu.State->X[0]);
        }
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(0x7fful)]
    public void DC_ZVA_clears_the_block_that_DCZID_announces(ulong offset)
    {
        for (ulong i = 0; i < 0x1000; i += 8) rig.Write64(CpuRig.Scratch + i, ulong.MaxValue);
        rig[0] = CpuRig.Scratch + 0x800 + offset;
        rig.Run(A64.Mrs(3, 3, 0, 0, 7, 1), A64.DcZva(0));
        Assert.Equal(9ul, rig[1]);
        Assert.Equal(ulong.MaxValue, rig.Read64(CpuRig.Scratch + 0x7f8));
        for (ulong i = 0x800; i < 0x1000; i += 8) Assert.Equal(0ul, rig.Read64(CpuRig.Scratch + i));
        Assert.Equal(0ul, rig.Read64(CpuRig.Scratch + 0x1000));
    }

    [Fact]
    public void DC_ZVA_of_a_read_only_page_faults()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, CpuRig.Scratch, TranslationTables.Kernel | TranslationTables.ReadOnly);
        rig[0] = High + 0x10;
        rig.Run(A64.DcZva(0));
        Assert.Equal((0x4fu, High + 0x10), (rig.Syndrome, rig.State->System.FarEl1));
    }

    [Fact]
    public void Cache_maintenance_of_an_address_without_translation_faults()
    {
        rig.EnableMmu();
        rig[0] = High;
        uint cvau = A64.Sys(3, 7, 11, 1, 0), civac = A64.Sys(3, 7, 14, 1, 0), ivac = A64.Sys(0, 7, 6, 1, 0);
        foreach (uint word in new[] { A64.IcIvau(0), cvau, civac, ivac })
        {
            rig.Run(word);
            Assert.Equal((ExceptionClass.DataAbortSame, High), (rig.ExceptionClass, rig.State->System.FarEl1));
            Assert.Equal(0x144u, rig.Syndrome);
        }
    }

    [Fact]
    public void A_translation_is_used_until_it_is_invalidated_by_page()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, CpuRig.Scratch, TranslationTables.Kernel);
        rig.Write64(CpuRig.Scratch, 1);
        rig.Write64(CpuRig.Scratch + 0x1000, 2);
        (rig[0], rig[1]) = (High, High >> 12 & 0xfff_ffff_ffff);
        rig.Run(A64.Ldr(2, 0));
        tables.MapPage(High, CpuRig.Scratch + 0x1000, TranslationTables.Kernel);
        rig.Run(A64.Ldr(3, 0), A64.TlbiVaale1is(1), A64.Ldr(4, 0));
        Assert.Equal((1ul, 1ul, 2ul), (rig[2], rig[3], rig[4]));
    }

    [Fact]
    public void Invalidating_any_page_of_a_block_drops_all_of_the_block()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapBlock(High, CpuRig.Ram, TranslationTables.Kernel);
        rig[0] = High + CpuRig.Scratch - CpuRig.Ram;
        rig[1] = (High >> 12 & 0xfff_ffff_ffff) + 5;
        rig.Write64(CpuRig.Scratch, 1);
        rig.Write64(CpuRig.Scratch + 0x20_0000, 2);
        rig.Run(A64.Ldr(2, 0));
        tables.MapBlock(High, CpuRig.Ram + 0x20_0000, TranslationTables.Kernel);
        rig.Run(A64.Ldr(3, 0), A64.TlbiVaale1is(1), A64.Ldr(4, 0));
        Assert.Equal((1ul, 1ul, 2ul), (rig[2], rig[3], rig[4]));
    }

    [Fact]
    public void Translations_of_another_address_space_are_not_used()
    {
        TranslationTables tables = rig.EnableMmu();
        ulong other = tables.Allocate();
        tables.MapPage(0x1000, CpuRig.Scratch, TranslationTables.User);
        tables.MapPage(0x1000, CpuRig.Scratch + 0x1000, TranslationTables.User, other);
        ShareRam(tables, other);
        rig.Write64(CpuRig.Scratch, 1);
        rig.Write64(CpuRig.Scratch + 0x1000, 2);
        (rig[0], rig[1], rig[2]) = (0x1000, tables.Lower, other | (7ul << 48));
        rig.Run(A64.Ldr(3, 0), A64.MsrTtbr0(2), A64.Isb, A64.Ldr(4, 0), A64.MsrTtbr0(1), A64.Isb, A64.Ldr(5, 0));
        Assert.Equal((1ul, 2ul, 1ul), (rig[3], rig[4], rig[5]));
    }

    [Fact]
    public void TLBI_ASIDE1_drops_one_address_space_only()
    {
        TranslationTables tables = rig.EnableMmu();
        ulong entry = tables.MapPage(0x1000, CpuRig.Scratch, TranslationTables.User);
        rig.Write64(CpuRig.Scratch, 1);
        rig.Write64(CpuRig.Scratch + 0x1000, 2);
        (rig[0], rig[1], rig[2]) = (0x1000, 0, 5ul << 48);
        rig.Run(A64.Ldr(3, 0));
        rig.Write64(entry, (CpuRig.Scratch + 0x1000) | TranslationTables.User | 3);
        rig.Run(A64.TlbiAside1(2), A64.Ldr(4, 0), A64.TlbiAside1(1), A64.Ldr(5, 0));
        Assert.Equal((1ul, 1ul, 2ul), (rig[3], rig[4], rig[5]));
    }

    [Fact]
    public void AT_reports_the_translation_or_the_fault()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, CpuRig.Scratch, TranslationTables.Kernel);
        rig[0] = High + 0x123;
        rig.Run(A64.Sys(0, 7, 8, 0, 0), A64.Mrs(3, 0, 7, 4, 0, 1), A64.Sys(0, 7, 8, 2, 0), A64.Mrs(3, 0, 7, 4, 0, 2));
        Assert.Equal(CpuRig.Scratch, rig[1] & 0x0000_ffff_ffff_f000);
        Assert.Equal(0ul, rig[1] & 1);
        Assert.Equal(1ul | (0xful << 1), rig[2] & 0x7f);
    }

    [Fact]
    public void Maintenance_that_is_EL1s_is_undefined_at_EL0()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(0x40_0000, CpuRig.Scratch, TranslationTables.User);
        foreach (uint word in new[] { A64.TlbiVmalle1, A64.TlbiVae1(0), A64.IcIallu, A64.Sys(0, 7, 6, 1, 0) })
        {
            rig.Load(CpuRig.Scratch, word);
            rig.EnterUser(0x40_0000);
            Assert.Equal((ExceptionClass.Unknown, 0x400ul), (rig.ExceptionClass, rig.Vector));
        }

        rig.Load(CpuRig.Scratch, A64.DcZva(0));
        rig.EnterUser(0x40_0000);
        Assert.Equal(ExceptionClass.SystemAccess, rig.ExceptionClass);
    }

    private void ShareRam(TranslationTables tables, ulong other)
    {
        ulong from = tables.Find(tables.Lower, CpuRig.Ram, 2);
        ulong to = tables.Find(other, CpuRig.Ram, 2);
        for (ulong i = 0; i < 16; i += 8) rig.Write64(to + i, rig.Read64(from + i));
    }
}
