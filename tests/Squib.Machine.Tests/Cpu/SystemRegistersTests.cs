using Squib.Machine.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Cpu;

public sealed unsafe class SystemRegistersTests : IDisposable
{
    private const ulong User = 0x40_0000;
    private readonly CpuRig rig = new();

    public void Dispose() => rig.Dispose();

    [Theory]
    [InlineData(0u, 0u, 0u, 0x410f_d034ul)] // MIDR_EL1
    [InlineData(0u, 0u, 5u, 0x8000_0000ul)] // MPIDR_EL1
    [InlineData(0u, 4u, 0u, 0x0100_0011ul)] // ID_AA64PFR0_EL1: EL0 and EL1 in AArch64, FP, AdvSIMD, GIC
    [InlineData(0u, 6u, 0u, 0x0001_0000ul)] // ID_AA64ISAR0_EL1: CRC32
    [InlineData(0u, 7u, 0u, 0x0f00_0024ul)] // ID_AA64MMFR0_EL1: 4 KiB granule, 16-bit ASID, 44-bit addresses
    [InlineData(0u, 4u, 4u, 0ul)] // ID_AA64ZFR0_EL1
    [InlineData(0u, 7u, 7u, 0ul)] // unallocated
    public void Identification_registers_describe_the_CPU(uint op1, uint crm, uint op2, ulong value)
    {
        rig[0] = 1;
        rig.Run(A64.Mrs(3, op1, 0, crm, op2, 0));
        Assert.Equal(value, rig[0]);
    }

    [Fact]
    public void Registers_that_only_store_a_value_read_back()
    {
        string[] names =
        [
            "ACTLR_EL1", "AFSR0_EL1", "AFSR1_EL1", "ESR_EL1", "FAR_EL1", "PAR_EL1", "MAIR_EL1", "AMAIR_EL1",
            "CONTEXTIDR_EL1", "TPIDR_EL1", "CNTKCTL_EL1", "CSSELR_EL1", "SPSR_EL1", "ELR_EL1", "TPIDR_EL0",
            "TPIDRRO_EL0", "MDSCR_EL1",
        ];
        foreach (string name in names)
        {
            uint encoding = SystemRegisters.All.Single(register => register.Name == name).Encoding;
            rig[0] = 0x0123_4567_89ab_cdef ^ (ulong)encoding;
            rig.Run(0xd500_0000 | (encoding << 5), 0xd520_0001 | (encoding << 5));
            Assert.Equal(rig[0], rig[1]);
        }
    }

    [Fact]
    public void SP_EL0_is_the_other_stack_pointer()
    {
        rig[0] = 0x1230;
        rig.Run(A64.Msr(3, 0, 4, 1, 0, 0), A64.Mrs(3, 0, 4, 1, 0, 1), A64.MovFromSp(2), A64.SpSel(0), A64.MovFromSp(3));
        Assert.Equal((0x1230ul, 0ul, 0x1230ul), (rig[1], rig[2], rig[3]));
        rig.Run(A64.Mrs(3, 0, 4, 1, 0, 1));
        Assert.Equal(ExceptionClass.Unknown, rig.ExceptionClass);
    }

    [Fact]
    public void Debug_and_PMU_registers_read_as_zero_and_ignore_writes()
    {
        rig[0] = ulong.MaxValue;
        rig.Run(
            A64.Msr(2, 0, 0, 0, 4, 0),
            A64.Mrs(2, 0, 0, 0, 4, 1),
            A64.Msr(3, 3, 9, 12, 0, 0),
            A64.Mrs(3, 3, 9, 12, 0, 2));
        Assert.Equal((0ul, 0ul), (rig[1], rig[2]));
    }

    [Fact]
    public void Timer_and_interrupt_controller_registers_are_the_machines()
    {
        rig.Exits.Counter = 4711;
        rig[0] = 0xf0;
        rig.Run(A64.Mrs(3, 3, 14, 0, 2, 1), A64.Msr(3, 0, 4, 6, 0, 0), A64.Msr(3, 0, 12, 12, 1, 0));
        Assert.Equal(4711ul, rig[1]);
        Assert.Equal(
            [((3u << 14) | (4 << 7) | (6 << 3), 0xf0ul), ((3u << 14) | (12 << 7) | (12 << 3) | 1, 0xf0ul)],
            rig.Exits.Writes);
        rig.Run(A64.Mrs(3, 0, 12, 12, 0, 2));
        Assert.Equal(ExceptionClass.Unknown, rig.ExceptionClass);
    }

    [Fact]
    public void EL0_reads_the_counter_only_where_CNTKCTL_lets_it()
    {
        RunAtUser(A64.Mrs(3, 3, 14, 0, 2, 5), A64.Svc(0));
        Assert.Equal(ExceptionClass.SystemAccess, rig.ExceptionClass);
        Assert.Equal((3u << 20) | (2 << 17) | (3 << 14) | (14 << 10) | (5 << 5) | 1, rig.Syndrome);
        rig.State->System.CntkctlEl1 = 2;
        rig.Exits.Counter = 12;
        rig.EnterUser(User);
        Assert.Equal((ExceptionClass.SupervisorCall, 12ul), (rig.ExceptionClass, rig[5]));
    }

    [Theory]
    [InlineData(0xd538_0000u, ExceptionClass.Unknown)] // MIDR_EL1: the kernel emulates it
    [InlineData(0xd538_1000u, ExceptionClass.Unknown)] // SCTLR_EL1
    [InlineData(0xd518_1000u, ExceptionClass.Unknown)]
    [InlineData(0xd538_4100u, ExceptionClass.Unknown)] // SP_EL0
    [InlineData(0xd53b_0020u, ExceptionClass.SystemAccess)] // CTR_EL0
    [InlineData(0xd53b_4220u, ExceptionClass.SystemAccess)] // DAIF
    [InlineData(0xd503_42dfu, ExceptionClass.SystemAccess)] // DAIFSet
    [InlineData(0xd53b_9c00u, ExceptionClass.SystemAccess)] // PMCR_EL0
    [InlineData(0xd51b_d060u, ExceptionClass.Unknown)] // TPIDRRO_EL0 is EL1's to write
    [InlineData(0xd503_207fu, ExceptionClass.Wait)] // WFI
    [InlineData(0xd400_0002u, ExceptionClass.Unknown)] // HVC
    [InlineData(0xd69f_03e0u, ExceptionClass.Unknown)] // ERET
    public void EL0_cannot_use_what_is_EL1s(uint word, uint exceptionClass)
    {
        RunAtUser(word, A64.Svc(0));
        Assert.Equal((exceptionClass, 0x400ul), (rig.ExceptionClass, rig.Vector));
    }

    [Fact]
    public void EL0_has_its_thread_pointer_flags_and_zero_block_size()
    {
        rig.State->System.TpidrroEl0 = 8;
        RunAtUser(
            A64.Movz(1, 0x1234),
            A64.Msr(3, 3, 13, 0, 2, 1),
            A64.Mrs(3, 3, 13, 0, 2, 2),
            A64.Mrs(3, 3, 13, 0, 3, 3),
            A64.Mrs(3, 3, 4, 2, 0, 4),
            A64.Mrs(3, 3, 0, 0, 7, 5),
            A64.Svc(0));
        Assert.Equal((ExceptionClass.SupervisorCall, 0x1234ul, 8ul, 0ul), (rig.ExceptionClass, rig[2], rig[3], rig[4]));
        Assert.Equal(0x19ul, rig[5]);
    }

    [Fact]
    public void FPCR_and_FPSR_keep_only_the_bits_there_are()
    {
        rig.State->System.CpacrEl1 = 3 << 20;
        SystemRegisters.UpdateTraps(rig.State);
        rig[0] = ulong.MaxValue;
        rig.Run(
            A64.Msr(3, 3, 4, 4, 0, 0), A64.Msr(3, 3, 4, 4, 1, 0), A64.Mrs(3, 3, 4, 4, 0, 1), A64.Mrs(3, 3, 4, 4, 1, 2));
        Assert.Equal((0x07c0_0000ul, 0x0800_009ful), (rig[1], rig[2]));
    }

    private void RunAtUser(params uint[] words)
    {
        TranslationTables tables = rig.EnableMmu();
        rig.State->System.SctlrEl1 &= ~0x0405_c200ul;
        tables.MapPage(User, CpuRig.Ram + 0x4_0000, TranslationTables.User);
        rig.Load(CpuRig.Ram + 0x4_0000, words);
        rig.EnterUser(User);
    }
}
