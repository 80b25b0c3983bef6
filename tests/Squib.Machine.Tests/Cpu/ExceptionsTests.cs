using Squib.Machine.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Cpu;

public sealed unsafe class ExceptionsTests : IDisposable
{
    private const ulong High = 0xffff_8000_0000_0000;
    private const ulong User = 0x40_0000;
    private readonly CpuRig rig = new();

    public void Dispose() => rig.Dispose();

    [Fact]
    public void SVC_at_EL1_saves_the_state_and_returns_behind_itself()
    {
        rig.State->Nzcv = 0xa000_0000;
        rig.Run(A64.DaifClear(2), A64.Svc(0x1234));
        Assert.Equal((ExceptionClass.SupervisorCall, 0x1234u, 0x200ul), (rig.ExceptionClass, rig.Syndrome, rig.Vector));
        Assert.Equal(CpuRig.Code + 8, rig.State->System.ElrEl1);
        Assert.Equal(0xa000_0345ul, rig.State->System.SpsrEl1);
        Assert.Equal(0x3c0u, rig.State->Daif);
    }

    [Fact]
    public void BRK_returns_to_itself()
    {
        rig.Run(A64.Brk(0x800));
        Assert.Equal((ExceptionClass.Breakpoint, 0x800u), (rig.ExceptionClass, rig.Syndrome));
        Assert.Equal(CpuRig.Code, rig.State->System.ElrEl1);
    }

    [Theory]
    [InlineData(0x0000_0000u)] // UDF
    [InlineData(0x4e28_4820u)] // AESE
    [InlineData(0xd400_0003u)] // SMC
    [InlineData(0xd400_0022u)] // HVC #1
    [InlineData(0xd538_f000u)] // MRS of an implementation's own register
    [InlineData(0xd518_0000u)] // MSR MIDR_EL1
    [InlineData(0xf820_0020u)] // LDADD
    public void What_is_no_instruction_is_undefined(uint word)
    {
        rig.Run(word);
        Assert.Equal(
            (ExceptionClass.Unknown, 0u, CpuRig.Code), (rig.ExceptionClass, rig.Syndrome, rig.State->System.ElrEl1));
    }

    [Fact]
    public void EL0_enters_by_its_own_vector_and_comes_back_with_its_own_stack()
    {
        MapUser(A64.MovFromSp(0), A64.AddImmediate(31, 31, 16), A64.Svc(1));
        rig[9] = CpuRig.Scratch + 0x800;
        rig.Run(A64.MovToSp(9));
        rig.EnterUser(User, stack: 0x7000);
        Assert.Equal((ExceptionClass.SupervisorCall, 0x400ul), (rig.ExceptionClass, rig.Vector));
        Assert.Equal(
            (0x7000ul, 0x7010ul, CpuRig.Scratch + 0x800), (rig[0], rig.State->StackPointers[0], rig[CpuState.Sp]));
        Assert.Equal((0ul, User + 12), (rig.State->System.SpsrEl1, rig.State->System.ElrEl1));
    }

    [Fact]
    public void EL1_with_the_stack_of_EL0_enters_by_the_first_vector()
    {
        rig[9] = 0x5550;
        rig.Run(A64.Msr(3, 0, 4, 1, 0, 9), A64.SpSel(0), A64.MovFromSp(1), A64.Svc(0));
        Assert.Equal((0x5550ul, 0x0ul, 0x3c4ul), (rig[1], rig.Vector, rig.State->System.SpsrEl1));
    }

    [Theory]
    [InlineData(0x0000_0000_0000_0000ul, 0x04u)] // no table
    [InlineData(0x0000_0080_0000_0000ul, 0x05u)] // a table at level 0, nothing in it
    [InlineData(0x0000_0000_4000_0000ul, 0x06u)]
    [InlineData(0x0000_0000_0020_0000ul, 0x07u)]
    [InlineData(0x0001_0000_0000_0000ul, 0x04u)] // outside of both halves
    public void A_translation_fault_tells_its_level(ulong va, uint fault)
    {
        TranslationTables tables = rig.EnableMmu();
        rig.Write64(tables.Find(tables.Lower, 0, 0), 0);
        if (fault == 5) tables.Find(tables.Lower, va, 1);
        if (fault == 6) tables.Find(tables.Lower, va, 2);
        if (fault == 7) tables.Find(tables.Lower, va, 3);
        RemapRam(tables);
        if (va == 0) va = 0x0000_0100_0000_0000;
        rig[0] = va;
        rig.Run(A64.Ldr(1, 0));
        Assert.Equal(
            (ExceptionClass.DataAbortSame, fault, va), (rig.ExceptionClass, rig.Syndrome, rig.State->System.FarEl1));
        rig.Run(A64.Str(1, 0));
        Assert.Equal(fault | 0x40, rig.Syndrome);
    }

    [Fact]
    public void Access_flag_and_permission_faults_tell_the_level_of_the_leaf()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(High, CpuRig.Scratch, TranslationTables.UserNoExecute);
        tables.MapPage(High + 0x1000, CpuRig.Scratch, TranslationTables.Kernel | TranslationTables.ReadOnly);
        tables.MapBlock(High + 0x20_0000, CpuRig.Ram, TranslationTables.Kernel | TranslationTables.ReadOnly);
        AssertFault(High, A64.Ldr(1, 0), 0x0b);
        AssertFault(High + 0x1000, A64.Str(1, 0), 0x4f);
        AssertFault(High + 0x20_0000, A64.Str(1, 0), 0x4e);
    }

    [Fact]
    public void EL0_may_neither_read_nor_execute_what_is_the_kernels()
    {
        MapUser(A64.Ldr(1, 0));
        rig[0] = CpuRig.Scratch;
        rig.EnterUser(User);
        Assert.Equal((ExceptionClass.DataAbortLower, 0xeu, 0x400ul), (rig.ExceptionClass, rig.Syndrome, rig.Vector));
        rig.EnterUser(CpuRig.Code);
        Assert.Equal(
            (ExceptionClass.FetchAbortLower, 0xeu, CpuRig.Code),
            (rig.ExceptionClass, rig.Syndrome, rig.State->System.FarEl1));
    }

    [Fact]
    public void EL1_does_not_execute_what_EL0_may_write()
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(User, CpuRig.Scratch, TranslationTables.AccessFlag | TranslationTables.UserAccess);
        rig[7] = User;
        rig.Run(A64.Br(7));
        Assert.Equal(
            (ExceptionClass.FetchAbortSame, 0xfu, User), (rig.ExceptionClass, rig.Syndrome, rig.State->System.ElrEl1));
    }

    [Fact]
    public void An_interrupt_is_taken_when_it_is_unmasked()
    {
        rig.Cpu.SetIrq(true);
        rig.Run(CpuRig.Nop, A64.Mrs(3, 0, 12, 1, 0, 5), A64.DaifClear(2), A64.Movz(0, 1));
        Assert.Equal((0x280ul, CpuRig.Code + 12, 0ul, 0x80ul), (rig.Vector, rig.State->System.ElrEl1, rig[0], rig[5]));
    }

    [Fact]
    public void An_interrupt_is_taken_on_the_return_that_unmasks_it()
    {
        MapUser(A64.Movz(0, 1), A64.Svc(0));
        rig[0] = 0;
        rig.Cpu.SetIrq(true);
        rig.EnterUser(User);
        Assert.Equal((0x480ul, User, 0ul), (rig.Vector, rig.State->System.ElrEl1, rig[0]));
    }

    [Fact]
    public void An_interrupt_that_comes_while_code_runs_is_taken_soon()
    {
        // The timer is polled between turns, as the machine's would be.
        rig.Exits.OnPoll = () => rig.Cpu.SetIrq(true);
        rig.Run(A64.DaifClear(2), A64.AddImmediate(0, 0, 1), A64.B(-1));
        Assert.Equal(0x280ul, rig.Vector);
        Assert.InRange(rig[0], 500ul, 5000ul);
    }

    [Fact]
    public void A_level_that_is_taken_back_is_no_interrupt()
    {
        rig.Cpu.SetIrq(true);
        rig.Cpu.SetIrq(false);
        rig.Run(A64.DaifClear(2), A64.Movz(0, 1));
        Assert.Equal((1ul, CpuRig.Code + 12), (rig[0], rig.NextPc));
    }

    [Theory]
    [InlineData(0x3c8u)] // EL2
    [InlineData(0x1d3u)] // AArch32
    [InlineData(0x3c1u)]
    public void An_illegal_return_stays_at_EL1_and_is_an_exception(uint spsr)
    {
        rig.State->System.SpsrEl1 = spsr;
        rig.State->System.ElrEl1 = CpuRig.Code + 0x40;
        rig.Run(A64.Eret);
        Assert.Equal((ExceptionClass.IllegalState, 0x200ul), (rig.ExceptionClass, rig.Vector));
        Assert.Equal(CpuRig.Code + 0x40, rig.State->System.ElrEl1);
        Assert.Equal((1u << 20) | 5, (uint)rig.State->System.SpsrEl1 & 0x10001f);
    }

    [Fact]
    public void ERET_restores_flags_masks_and_mode()
    {
        rig.State->System.SpsrEl1 = 0x6000_0185;
        rig.State->System.ElrEl1 = CpuRig.Code + 8;
        rig.Run(A64.Eret, A64.Movz(0, 1), A64.Movz(1, 1));
        Assert.Equal((0ul, 1ul, 0x6000_0000u, 0x180u), (rig[0], rig[1], rig.State->Nzcv, rig.State->Daif));
    }

    [Fact]
    public void A_guest_without_vectors_can_still_be_stopped()
    {
        rig.State->System.VbarEl1 = 0x1000;
        int polls = 0;
        rig.Exits.OnPoll = () =>
        {
            if (++polls == 3) rig.Cpu.Stop();
        };
        rig.Run(A64.Udf);
        Assert.Equal(3, polls);
    }

    private void AssertFault(ulong va, uint word, uint syndrome)
    {
        rig[0] = va;
        rig.Run(word);
        Assert.Equal((syndrome, va), (rig.Syndrome, rig.State->System.FarEl1));
    }

    private void MapUser(params uint[] words)
    {
        TranslationTables tables = rig.EnableMmu();
        tables.MapPage(User, CpuRig.Ram + 0x4_0000, TranslationTables.User);
        rig.Load(CpuRig.Ram + 0x4_0000, words);
    }

    private void RemapRam(TranslationTables tables)
    {
        tables.MapBlock(CpuRig.Ram, CpuRig.Ram, TranslationTables.Kernel);
        rig.Cpu.Translation.InvalidateAll();
        rig.Cpu.Lines.Flush();
    }
}
