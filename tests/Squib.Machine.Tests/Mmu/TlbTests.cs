using Squib.Machine.Mmu;
using Xunit;

namespace Squib.Machine.Tests.Mmu;

public sealed class TlbTests
{
    private const ulong High = 0xffff_8000_0000_0000;
    private static readonly Translation Global = new(0x8000_0000, PageAttributes.None, 0, 3, FaultStatus.None);
    private static readonly Translation Own = new(0x8000_1000, PageAttributes.NotGlobal, 0, 3, FaultStatus.None);
    private static readonly Translation Block = new(0x8000_2000, PageAttributes.None, 0, 2, FaultStatus.None);
    private static readonly Translation LargeBlock = new(0x8000_3000, PageAttributes.None, 0, 1, FaultStatus.None);
    private readonly Tlb tlb = new();

    [Fact]
    public void A_global_translation_serves_every_address_space()
    {
        tlb.Insert(0x1000, 1, Global);
        Assert.True(tlb.TryFind(0x1fff, 2, out Translation found));
        Assert.Equal(Global, found);
    }

    [Fact]
    public void A_translation_that_is_not_global_serves_its_own_only()
    {
        tlb.Insert(0x1000, 1, Own);
        Assert.True(tlb.TryFind(0x1000, 1, out _));
        Assert.False(tlb.TryFind(0x1000, 2, out _));
    }

    [Fact]
    public void The_two_halves_of_the_address_space_are_apart()
    {
        tlb.Insert(High, 1, Global);
        Assert.False(tlb.TryFind(High & 0xffff_ffff_ffff, 1, out _));
        Assert.True(tlb.TryFind(High, 1, out _));
    }

    [Fact]
    public void A_page_is_dropped_for_one_address_space_or_for_all()
    {
        tlb.Insert(0x1000, 1, Own);
        tlb.Insert(0x1000, 2, Own);
        Assert.True(tlb.InvalidatePage(0x1000, 1));
        Assert.False(tlb.TryFind(0x1000, 1, out _));
        Assert.True(tlb.TryFind(0x1000, 2, out _));
        Assert.True(tlb.InvalidatePage(0x1000, null));
        Assert.False(tlb.TryFind(0x1000, 2, out _));
    }

    [Fact]
    public void A_global_page_is_dropped_with_any_address_space()
    {
        tlb.Insert(0x1000, 1, Global);
        tlb.InvalidatePage(0x1000, 9);
        Assert.False(tlb.TryFind(0x1000, 1, out _));
    }

    [Fact]
    public void An_address_space_is_dropped_without_global_pages()
    {
        tlb.Insert(0x1000, 1, Own);
        tlb.Insert(0x2000, 1, Global);
        tlb.Insert(0x3000, 2, Own);
        tlb.InvalidateAsid(1);
        Assert.False(tlb.TryFind(0x1000, 1, out _));
        Assert.True(tlb.TryFind(0x2000, 1, out _));
        Assert.True(tlb.TryFind(0x3000, 2, out _));
    }

    [Fact]
    public void Invalidating_one_page_of_a_block_drops_the_others()
    {
        tlb.Insert(High + 0x1000, 1, Block);
        Assert.False(tlb.InvalidatePage(High + 0x1f_f000, null));
        Assert.False(tlb.TryFind(High + 0x1000, 1, out _));
    }

    [Fact]
    public void Invalidating_one_page_of_a_block_of_1_GiB_drops_the_others()
    {
        tlb.Insert(High + 0x1000, 1, LargeBlock);
        Assert.False(tlb.InvalidatePage(High + 0x3fff_f000, 3));
        Assert.False(tlb.TryFind(High + 0x1000, 1, out _));
    }

    [Fact]
    public void Blocks_elsewhere_stay()
    {
        tlb.Insert(High, 1, Block);
        Assert.True(tlb.InvalidatePage(High + 0x20_0000, null));
        Assert.True(tlb.TryFind(High, 1, out _));
    }

    [Fact]
    public void It_forgets_but_never_mixes_up()
    {
        for (ulong page = 0; page < 20_000; page++) tlb.Insert(page << 12, 1, Own with { Page = page << 12 });
        int kept = 0;
        for (ulong page = 0; page < 20_000; page++)
        {
            if (!tlb.TryFind(page << 12, 1, out Translation found)) continue;
            kept++;
            Assert.Equal(page << 12, found.Page);
        }

        Assert.InRange(kept, 1000, 4096);
    }
}
