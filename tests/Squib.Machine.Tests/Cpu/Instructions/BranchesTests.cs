using Squib.Machine.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Cpu.Instructions;

public sealed unsafe class BranchesTests : IDisposable
{
    private const uint PageEnd = 0x1000;
    private readonly CpuRig rig = new();

    public void Dispose() => rig.Dispose();

    [Theory]
    [InlineData(0u, 4u)] // EQ: Z
    [InlineData(1u, 0u)] // NE
    [InlineData(2u, 2u)] // CS: C
    [InlineData(3u, 0u)]
    [InlineData(4u, 8u)] // MI: N
    [InlineData(5u, 0u)]
    [InlineData(6u, 1u)] // VS: V
    [InlineData(7u, 0u)]
    [InlineData(8u, 2u)] // HI: C and not Z
    [InlineData(9u, 4u)]
    [InlineData(10u, 9u)] // GE: N equals V
    [InlineData(11u, 8u)]
    [InlineData(12u, 9u)] // GT: GE and not Z
    [InlineData(13u, 4u)]
    [InlineData(14u, 0u)] // AL
    [InlineData(15u, 15u)] // NV means always too
    public void A_conditional_branch_is_taken_where_its_condition_holds(uint condition, uint nzcv)
    {
        Assert.True(IsTaken(A64.BCond(condition, 2), nzcv));
        if (condition < 14) Assert.False(IsTaken(A64.BCond(condition ^ 1, 2), nzcv));
    }

    [Fact]
    public void Conditional_branches_agree_near_and_far_for_all_flags()
    {
        for (uint condition = 0; condition < 16; condition++)
        {
            for (uint nzcv = 0; nzcv < 16; nzcv++)
                Assert.Equal(IsTaken(A64.BCond(condition, 2), nzcv), IsTakenFar(A64.BCond(condition, 2), nzcv));
        }
    }

    [Theory]
    [InlineData(0ul, true)]
    [InlineData(1ul << 32, false)]
    public void CBZ_and_CBNZ_look_at_all_64_bits(ulong value, bool zero)
    {
        rig[5] = value;
        Assert.Equal(zero, IsTaken(A64.Cbz(5, 2), 0));
        Assert.Equal(!zero, IsTaken(A64.Cbnz(5, 2), 0));
        Assert.Equal(zero, IsTakenFar(A64.Cbz(5, 2), 0));
        Assert.Equal(!zero, IsTakenFar(A64.Cbnz(5, 2), 0));
    }

    [Fact]
    public void CBZ_of_a_W_register_looks_at_its_32_bits()
    {
        rig[5] = 1ul << 32;
        Assert.True(IsTaken(A64.Cbz(5, 2) & ~(1u << 31), 0));
        Assert.False(IsTakenFar(A64.Cbnz(5, 2) & ~(1u << 31), 0));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(31u)]
    [InlineData(32u)]
    [InlineData(63u)]
    public void TBZ_and_TBNZ_look_at_one_bit(uint bit)
    {
        rig[5] = 1ul << (int)bit;
        Assert.True(IsTaken(A64.Tbnz(5, bit, 2), 0));
        Assert.False(IsTaken(A64.Tbz(5, bit, 2), 0));
        rig[5] = ~rig[5];
        Assert.True(IsTakenFar(A64.Tbz(5, bit, 2), 0));
        Assert.False(IsTakenFar(A64.Tbnz(5, bit, 2), 0));
    }

    [Fact]
    public void BL_links_and_RET_returns_within_a_page()
    {
        rig.Load(CpuRig.Code, A64.Bl(3), A64.Movz(1, 2), CpuRig.Hvc, A64.Movz(0, 1), A64.Ret);
        rig.RunFrom(CpuRig.Code);
        Assert.Equal((1ul, 2ul, CpuRig.Code + 4), (rig[0], rig[1], rig[30]));
    }

    [Fact]
    public void BL_links_and_BLR_returns_across_pages()
    {
        rig.Load(CpuRig.Code, A64.Bl(0x800), A64.Movz(1, 2), CpuRig.Hvc);
        rig.Load(CpuRig.Code + 0x2000, A64.Movz(0, 1), A64.Blr(30));
        rig.RunFrom(CpuRig.Code);
        Assert.Equal((1ul, 2ul, CpuRig.Code + 0x2008), (rig[0], rig[1], rig[30]));
    }

    [Fact]
    public void BLR_of_the_link_register_uses_its_old_value()
    {
        rig[30] = CpuRig.Code + 8;
        rig.Load(CpuRig.Code, A64.Blr(30), CpuRig.Hvc, A64.Movz(0, 7), CpuRig.Hvc);
        rig.RunFrom(CpuRig.Code);
        Assert.Equal((7ul, CpuRig.Code + 4), (rig[0], rig[30]));
    }

    [Fact]
    public void Execution_runs_from_one_page_into_the_next()
    {
        rig.Load(CpuRig.Code + PageEnd - 8, A64.Movz(0, 1), A64.Movz(1, 2), A64.Movz(2, 3), A64.Adr(3, 0), CpuRig.Hvc);
        rig.RunFrom(CpuRig.Code + PageEnd - 8);
        Assert.Equal((1ul, 2ul, 3ul, CpuRig.Code + PageEnd + 4), (rig[0], rig[1], rig[2], rig[3]));
    }

    [Fact]
    public void ADRP_counts_in_pages_from_the_page_of_the_instruction()
    {
        rig.Load(CpuRig.Code + 0x10, A64.Adrp(0, -3), A64.Adrp(1, 2), A64.Adr(2, -8), CpuRig.Hvc);
        rig.RunFrom(CpuRig.Code + 0x10);
        Assert.Equal(CpuRig.Code - 0x3000, rig[0]);
        Assert.Equal(CpuRig.Code + 0x2000, rig[1]);
        Assert.Equal(CpuRig.Code + 0x10, rig[2]);
    }

    [Fact]
    public void A_backward_loop_ends_when_its_counter_does()
    {
        rig[0] = 100_000;
        rig.Run(A64.AddImmediate(1, 1, 3), A64.SubsImmediate(0, 0, 1), A64.BCond(1, -2));
        Assert.Equal((0ul, 300_000ul), (rig[0], rig[1]));
        Assert.InRange(rig.Cpu.Instructions, 300_000, 310_000);
    }

    [Fact]
    public void A_misaligned_target_is_an_exception_at_the_target()
    {
        rig[7] = CpuRig.Code + 0x102;
        rig.Run(A64.Br(7));
        Assert.Equal((ExceptionClass.PcAlignment, 0x200ul), (rig.ExceptionClass, rig.Vector));
        Assert.Equal((CpuRig.Code + 0x102, CpuRig.Code + 0x102), (rig.State->System.ElrEl1, rig.State->System.FarEl1));
    }

    [Fact]
    public void A_target_outside_of_memory_is_an_external_abort()
    {
        rig[7] = 0x1000;
        rig.Run(A64.Br(7));
        Assert.Equal((ExceptionClass.FetchAbortSame, 0x10u, 0x200ul), (rig.ExceptionClass, rig.Syndrome, rig.Vector));
    }

    private bool IsTaken(uint branch, uint nzcv)
    {
        rig.State->Nzcv = nzcv << 28;
        rig.Load(CpuRig.Code, branch, CpuRig.Hvc, CpuRig.Hvc);
        rig.RunFrom(CpuRig.Code);
        return rig.NextPc == CpuRig.Code + 12;
    }

    private bool IsTakenFar(uint branch, uint nzcv)
    {
        rig.State->Nzcv = nzcv << 28;
        rig.Load(CpuRig.Code + PageEnd - 8, branch, CpuRig.Hvc, CpuRig.Hvc);
        rig.RunFrom(CpuRig.Code + PageEnd - 8);
        return rig.NextPc == CpuRig.Code + PageEnd + 4;
    }
}
