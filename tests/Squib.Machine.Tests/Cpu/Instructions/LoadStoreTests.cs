using Squib.Machine.Cpu;
using Squib.Virtio.Bus;
using Xunit;

namespace Squib.Machine.Tests.Cpu.Instructions;

public sealed unsafe class LoadStoreTests : IDisposable
{
    private const ulong High = 0xffff_8000_0000_0000;
    private readonly CpuRig rig = new();

    public void Dispose() => rig.Dispose();

    [Fact]
    public void An_unaligned_access_across_pages_reaches_both_physical_pages()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, CpuRig.Scratch + 0x3000, TranslationTables.Kernel);
        tables.MapPage(High + 0x1000, CpuRig.Scratch, TranslationTables.Kernel);
        rig[0] = High + 0xffd;
        rig[1] = 0x8877_6655_4433_2211;
        rig.Run(A64.Str(1, 0), A64.Ldr(2, 0));

        Assert.Equal(rig[1], rig[2]);
        Assert.Equal(0x332211ul, rig.Read64(CpuRig.Scratch + 0x3ff8) >> 40);
        Assert.Equal(0x88_7766_5544ul, rig.Read64(CpuRig.Scratch));
    }

    [Fact]
    public void A_store_across_pages_whose_second_page_faults_changes_nothing()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, CpuRig.Scratch, TranslationTables.Kernel);
        rig.Write64(CpuRig.Scratch + 0xff8, 0x1234);
        rig[0] = High + 0xffc;
        rig[1] = ulong.MaxValue;
        foreach (uint store in new[] { A64.Str(1, 0), A64.Stp(1, 1, 0), A64.StpQ(0, 1, 0) })
        {
            rig.State->System.CpacrEl1 = 3 << 20;
            SystemRegisters.UpdateTraps(rig.State);
            rig.Run(store);
            Assert.Equal((ExceptionClass.DataAbortSame, High + 0x1000), (rig.ExceptionClass, rig.State->System.FarEl1));
            Assert.Equal(0x1234ul, rig.Read64(CpuRig.Scratch + 0xff8));
        }
    }

    [Fact]
    public void A_load_pair_whose_second_half_faults_changes_no_register()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, CpuRig.Scratch, TranslationTables.Kernel);
        (rig[0], rig[1], rig[2]) = (High + 0xff8, 11, 22);
        rig.Run(A64.Ldp(1, 2, 0));
        Assert.Equal((11ul, 22ul, High + 0x1000), (rig[1], rig[2], rig.State->System.FarEl1));
    }

    [Fact]
    public void A_faulting_access_does_not_write_its_base_back()
    {
        rig.EnableMmu();
        rig[0] = High + 0x2008;
        rig.Run(A64.StrPre(1, 0, -8));
        Assert.Equal((High + 0x2008, High + 0x2000), (rig[0], rig.State->System.FarEl1));
        rig.Run(A64.LdrPost(1, 0, 16));
        Assert.Equal((High + 0x2008, High + 0x2008), (rig[0], rig.State->System.FarEl1));
    }

    [Fact]
    public void A_literal_is_found_relative_to_the_instruction()
    {
        rig.Load(CpuRig.Code, A64.LdrLiteral(0, 2), CpuRig.Hvc, 0x5566_7788, 0x1122_3344);
        rig.RunFrom(CpuRig.Code);
        Assert.Equal(0x1122_3344_5566_7788ul, rig[0]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_misaligned_stack_pointer_is_an_exception_where_SCTLR_says_so(bool check)
    {
        rig[0] = rig.State->System.SctlrEl1 & ~8ul | (check ? 8u : 0);
        rig[1] = CpuRig.Scratch + 8;
        rig.Run(A64.MsrSctlr(0), A64.MovToSp(1), A64.Ldr(2, 31));
        Assert.Equal(check, rig.ExceptionClass == ExceptionClass.StackAlignment);
        if (check) Assert.Equal(CpuRig.Code + 8, rig.State->System.ElrEl1);
    }

    [Fact]
    public void An_unaligned_access_is_an_exception_while_SCTLR_A_is_set()
    {
        rig[0] = rig.State->System.SctlrEl1 | 2;
        rig[1] = CpuRig.Scratch + 4;
        rig.Run(A64.MsrSctlr(0), A64.Ldr(2, 1));
        Assert.Equal(
            (ExceptionClass.DataAbortSame, 0x21u, CpuRig.Scratch + 4),
            (rig.ExceptionClass, rig.Syndrome, rig.State->System.FarEl1));
        rig[1] = CpuRig.Scratch + 8;
        rig.Write64(CpuRig.Scratch + 8, 5);
        rig.Run(A64.Ldr(2, 1));
        Assert.Equal(5ul, rig[2]);
    }

    [Fact]
    public void Accesses_outside_of_RAM_go_to_the_bus_with_their_width()
    {
        var device = new RecordingDevice();
        rig.Bus.Add(new MmioRange(0x0900_0000, 0x1000), device);
        rig[0] = 0x0900_0010;
        rig[1] = 0x1122_3344_5566_7788;
        rig.Run(A64.Str(1, 0), 0xb900_0001, 0x7900_0001, 0x3900_0001, A64.Ldr(2, 0), A64.Ldrb(3, 0));
        Assert.Equal([(0x10ul, 8), (0x10ul, 4), (0x10ul, 2), (0x10ul, 1)], device.Writes);
        Assert.Equal([(0x10ul, 8), (0x10ul, 1)], device.Reads);
        Assert.Equal((0xf7f6_f5f4_f3f2_f1f0ul, 0xf0ul), (rig[2], rig[3]));
    }

    [Fact]
    public void An_unaligned_access_to_a_device_is_an_alignment_fault()
    {
        rig[0] = 0x0900_0004;
        rig.Run(A64.Ldr(1, 0));
        Assert.Equal((ExceptionClass.DataAbortSame, 0x21u), (rig.ExceptionClass, rig.Syndrome));
        rig.Run(A64.Str(1, 0));
        Assert.Equal((ExceptionClass.DataAbortSame, 0x61u), (rig.ExceptionClass, rig.Syndrome));
    }

    [Fact]
    public void LDTR_and_STTR_have_the_rights_of_EL0()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(0x40_0000, CpuRig.Scratch, TranslationTables.User);
        rig[0] = 0x40_0000;
        rig[1] = 77;
        rig.Run(A64.Sttr(1, 0), A64.Ldtr(2, 0));
        Assert.Equal(77ul, rig[2]);
        rig[0] = CpuRig.Scratch;
        rig.Run(A64.Ldr(3, 0), A64.Ldtr(2, 0));
        Assert.Equal(77ul, rig[3]);
        Assert.Equal((ExceptionClass.DataAbortSame, 0xeu), (rig.ExceptionClass, rig.Syndrome));
        rig.Run(A64.Sttr(2, 0));
        Assert.Equal((ExceptionClass.DataAbortSame, 0x4eu), (rig.ExceptionClass, rig.Syndrome));
    }

    [Fact]
    public void A_SIMD_load_traps_until_CPACR_allows_it()
    {
        rig[0] = CpuRig.Scratch;
        rig.Write64(CpuRig.Scratch, 5);
        rig.Write64(CpuRig.Scratch + 8, 6);
        rig.Run(A64.LdrQ(3, 0));
        Assert.Equal((ExceptionClass.SimdAccess, 0x1e0_0000u), (rig.ExceptionClass, rig.Syndrome));
        rig[1] = 3 << 20;
        rig.Run(A64.Msr(3, 0, 1, 0, 2, 1), A64.Isb, A64.LdrQ(3, 0));
        Assert.Equal((5ul, 6ul), (rig.State->V[6], rig.State->V[7]));
    }

    private sealed class RecordingDevice : IBusDevice
    {
        public List<(ulong Offset, int Width)> Reads { get; } = [];

        public List<(ulong Offset, int Width)> Writes { get; } = [];

        public void Read(ulong offset, Span<byte> data)
        {
            Reads.Add((offset, data.Length));
            for (int i = 0; i < data.Length; i++) data[i] = (byte)(0xf0 + i);
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data) => Writes.Add((offset, data.Length));
    }
}
