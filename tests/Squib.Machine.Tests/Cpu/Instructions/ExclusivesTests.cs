using Squib.Machine.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Cpu.Instructions;

public sealed unsafe class ExclusivesTests : IDisposable
{
    private readonly CpuRig rig = new();

    public ExclusivesTests()
    {
        rig.Write64(CpuRig.Scratch, 5);
        rig[0] = CpuRig.Scratch;
        rig[2] = 9;
        rig[3] = 99;
    }

    public void Dispose() => rig.Dispose();

    [Fact]
    public void An_exclusive_store_after_the_load_succeeds_once()
    {
        rig.Run(A64.Ldxr(1, 0), A64.Stxr(3, 2, 0), A64.Stxr(4, 1, 0));
        Assert.Equal((5ul, 0ul, 1ul, 9ul), (rig[1], rig[3], rig[4], rig.Read64(CpuRig.Scratch)));
    }

    [Fact]
    public void An_exclusive_store_without_the_load_fails()
    {
        rig.Run(A64.Stxr(3, 2, 0));
        Assert.Equal((1ul, 5ul), (rig[3], rig.Read64(CpuRig.Scratch)));
    }

    [Fact]
    public void CLREX_takes_the_mark_away()
    {
        rig.Run(A64.Ldxr(1, 0), A64.Clrex, A64.Stxr(3, 2, 0));
        Assert.Equal((1ul, 5ul), (rig[3], rig.Read64(CpuRig.Scratch)));
    }

    [Fact]
    public void An_exclusive_store_elsewhere_fails()
    {
        rig[5] = CpuRig.Scratch + 8;
        rig.Run(A64.Ldxr(1, 0), A64.Stxr(3, 2, 5));
        Assert.Equal((1ul, 0ul), (rig[3], rig.Read64(CpuRig.Scratch + 8)));
    }

    [Fact]
    public void An_exclusive_store_of_another_size_fails()
    {
        rig.Run(A64.Ldxr(1, 0), A64.StxrWord(3, 2, 0));
        Assert.Equal(1ul, rig[3]);
    }

    [Fact]
    public void An_exclusive_store_fails_when_memory_has_changed_meanwhile()
    {
        rig.Run(A64.Ldxr(1, 0));
        rig.Write64(CpuRig.Scratch, 6);
        rig.Run(A64.Stxr(3, 2, 0));
        Assert.Equal((1ul, 6ul), (rig[3], rig.Read64(CpuRig.Scratch)));
    }

    [Fact]
    public void An_exception_return_takes_the_mark_away()
    {
        rig.Run(A64.Ldxr(1, 0));
        rig.State->System.ElrEl1 = CpuRig.Code + 4;
        rig.State->System.SpsrEl1 = 0x3c5;
        rig.Run(A64.Eret, A64.Stxr(3, 2, 0));
        Assert.Equal(1ul, rig[3]);
    }

    [Fact]
    public void Pairs_are_exclusive_as_a_whole()
    {
        rig.Write64(CpuRig.Scratch + 8, 6);
        rig.Run(A64.Ldxp(4, 5, 0), A64.Stxp(3, 2, 4, 0));
        Assert.Equal((5ul, 6ul, 0ul), (rig[4], rig[5], rig[3]));
        Assert.Equal((9ul, 5ul), (rig.Read64(CpuRig.Scratch), rig.Read64(CpuRig.Scratch + 8)));
    }

    [Fact]
    public void Pairs_of_words_are_packed_low_register_first()
    {
        rig.Write64(CpuRig.Scratch, 0x0000_0002_0000_0001);
        rig[6] = 7;
        rig.Run(A64.Ldxp(4, 5, 0) & ~(1u << 30), A64.Stxp(3, 2, 6, 0) & ~(1u << 30));
        Assert.Equal((1ul, 2ul, 0ul, 0x7_0000_0009ul), (rig[4], rig[5], rig[3], rig.Read64(CpuRig.Scratch)));
    }

    [Theory]
    [InlineData(4u, false)]
    [InlineData(1u, true)]
    public void Misaligned_exclusive_and_ordered_accesses_fault(uint offset, bool write)
    {
        rig[0] = CpuRig.Scratch + offset;
        foreach (uint word in write ? [A64.Stxr(3, 2, 0), A64.Stlr(2, 0)] : new[] { A64.Ldxr(1, 0), A64.Ldar(1, 0) })
        {
            rig.Run(word);
            Assert.Equal((ExceptionClass.DataAbortSame, write ? 0x61u : 0x21u), (rig.ExceptionClass, rig.Syndrome));
        }
    }

    [Fact]
    public void An_exclusive_access_to_a_device_faults()
    {
        rig[0] = 0x0900_0000;
        rig.Run(A64.Ldxr(1, 0));
        Assert.Equal((ExceptionClass.DataAbortSame, 0x35u), (rig.ExceptionClass, rig.Syndrome));
    }

    [Fact]
    public void Ordered_loads_and_stores_load_and_store()
    {
        rig.Run(A64.Stlr(2, 0), A64.Ldar(4, 0));
        Assert.Equal(9ul, rig[4]);
    }
}
