using System.Buffers.Binary;
using Squib.Machine.Mmu;
using Squib.Virtio.Memory;
using Xunit;

namespace Squib.Machine.Tests.Mmu;

public sealed class PageWalkTests
{
    private const ulong Ram = 0x8000_0000;
    private const ulong AccessFlag = 1 << 10;
    private const ulong Physical = 0x9876_5000;
    private readonly byte[] bytes = GC.AllocateArray<byte>(0x1_0000, pinned: true);
    private readonly GuestMemory memory;

    public PageWalkTests() => memory = new GuestMemory(new GuestRegion(Ram, bytes));

    [Fact]
    public void Four_levels_lead_to_a_page()
    {
        ulong va = (1ul << 39) | (2ul << 30) | (3ul << 21) | (4ul << 12) | 0x678;
        Put(0x0000 + (1 * 8), (Ram + 0x1000) | 3);
        Put(0x1000 + (2 * 8), (Ram + 0x2000) | 3);
        Put(0x2000 + (3 * 8), (Ram + 0x3000) | 3);
        Put(0x3000 + (4 * 8), Physical | AccessFlag | (5 << 2) | 3);
        Translation found = Walk(va);
        Assert.Equal(new Translation(Physical, PageAttributes.None, 5, 3, FaultStatus.None), found);
    }

    [Fact]
    public void A_block_of_2_MiB_maps_each_page_in_it()
    {
        Put(0x0000, (Ram + 0x1000) | 3);
        Put(0x1000, (Ram + 0x2000) | 3);
        Put(0x2000, 0x9880_0000 | AccessFlag | 1);
        Assert.Equal((0x9880_0000ul + 0x12_3000, 2), (Walk(0x12_3456).Page, Walk(0x12_3456).Level));
    }

    [Fact]
    public void A_block_of_1_GiB_maps_each_page_in_it()
    {
        Put(0x0000, (Ram + 0x1000) | 3);
        Put(0x1000, 0xc000_0000 | AccessFlag | 1);
        Assert.Equal((0xc000_0000ul + 0x3fff_f000, 1), (Walk(0x3fff_ffff).Page, Walk(0x3fff_ffff).Level));
    }

    [Theory]
    [InlineData(0x0000, 4)]
    [InlineData(0x1000, 5)]
    [InlineData(0x2000, 6)]
    [InlineData(0x3000, 7)]
    public void An_invalid_descriptor_faults_at_its_level(int at, int fault)
    {
        PutChain();
        Put(at, 0xdead_0000);
        Assert.Equal(fault, Walk(0).Fault);
    }

    [Theory]
    [InlineData(0x0000, 4)] // a block at level 0
    [InlineData(0x3000, 7)] // a block at level 3
    public void A_block_at_a_level_that_has_none_is_invalid(int at, int fault)
    {
        PutChain();
        Put(at, Physical | AccessFlag | 1);
        Assert.Equal(fault, Walk(0).Fault);
    }

    [Fact]
    public void A_leaf_without_access_flag_faults()
    {
        PutChain();
        Put(0x3000, Physical | 3);
        Assert.Equal(0xb, Walk(0).Fault);
        Put(0x2000, 0x9880_0000 | 1);
        Assert.Equal(0xa, Walk(0).Fault);
    }

    [Theory]
    [InlineData(0x0000, 0)]
    [InlineData(0x1000, 1)]
    [InlineData(0x2000, 2)]
    [InlineData(0x3000, 3)]
    public void An_address_beyond_the_physical_size_faults_at_its_level(int at, int fault)
    {
        PutChain();
        Put(at, (1ul << 44) | AccessFlag | 3);
        Assert.Equal(fault, Walk(0).Fault);
    }

    [Fact]
    public void A_table_base_beyond_the_physical_size_faults_at_level_0() =>
        Assert.Equal(0, PageWalk.Walk(memory, Control(16), 1ul << 44, 0).Fault);

    [Theory]
    [InlineData(0x0000, 0x15)]
    [InlineData(0x1000, 0x16)]
    [InlineData(0x2000, 0x17)]
    public void A_table_outside_of_memory_is_an_external_abort_on_the_walk(int at, int fault)
    {
        PutChain();
        Put(at, 0x1000 | 3);
        Assert.Equal(fault, Walk(0).Fault);
    }

    [Fact]
    public void Tables_take_rights_away_from_what_is_below_them()
    {
        PutChain();
        Put(0x3000, Physical | AccessFlag | (1 << 6) | 3);
        Assert.Equal(PageAttributes.User, Walk(0).Attributes);
        Put(0x0000, (Ram + 0x1000) | (1ul << 61) | 3);
        Put(0x1000, (Ram + 0x2000) | (1ul << 62) | 3);
        Put(0x2000, (Ram + 0x3000) | (1ul << 60) | (1ul << 59) | 3);
        Assert.Equal(
            PageAttributes.ReadOnly | PageAttributes.UserNoExecute | PageAttributes.PrivilegedNoExecute,
            Walk(0).Attributes);
    }

    [Fact]
    public void Attributes_come_from_the_leaf()
    {
        PutChain();
        Put(0x3000, Physical | AccessFlag | (3 << 6) | (1 << 11) | (3ul << 53) | 3);
        Assert.Equal(
            PageAttributes.User | PageAttributes.ReadOnly | PageAttributes.NotGlobal
                | PageAttributes.PrivilegedNoExecute | PageAttributes.UserNoExecute,
            Walk(0).Attributes);
    }

    [Theory]
    [InlineData(25, 0x1000, 39)] // 39 bits start at level 1
    [InlineData(34, 0x2000, 30)] // 30 bits start at level 2
    public void Smaller_address_spaces_start_further_down(int size, int firstTable, int bits)
    {
        PutChain();
        Assert.Equal(Physical, PageWalk.Walk(memory, Control(size), Ram + (ulong)firstTable, 0).Page);
        Assert.Equal(4, PageWalk.Walk(memory, Control(size), Ram + (ulong)firstTable, 1ul << bits).Fault);
    }

    [Fact]
    public void Disabled_walks_fault_at_level_0()
    {
        PutChain();
        Assert.Equal(4, PageWalk.Walk(memory, Control(16) with { Disabled = true }, Ram, 0).Fault);
    }

    [Theory]
    [InlineData(0x0001_0000_0000_0000ul, false, false)]
    [InlineData(0x0000_ffff_ffff_fffful, false, true)]
    [InlineData(0x1200_ffff_ffff_fffful, false, false)]
    [InlineData(0x1200_ffff_ffff_fffful, true, true)]
    [InlineData(0x1201_0000_0000_0000ul, true, false)]
    [InlineData(0xffff_0000_0000_0000ul, false, true)]
    [InlineData(0xfffe_0000_0000_0000ul, false, false)]
    [InlineData(0x12ff_0000_0000_0000ul, true, true)]
    public void Bits_above_the_address_must_agree_but_for_a_tag(ulong va, bool tag, bool covered) =>
        Assert.Equal(covered, (Control(16) with { IgnoresTopByte = tag }).Covers(va));

    private static TranslationControl Control(ulong size) => TranslationControl.Of(size | (4ul << 32), upper: false);

    private static TranslationControl Control(int size) => Control((ulong)size);

    private Translation Walk(ulong va) => PageWalk.Walk(memory, Control(16), Ram, va);

    private void PutChain()
    {
        Put(0x0000, (Ram + 0x1000) | 3);
        Put(0x1000, (Ram + 0x2000) | 3);
        Put(0x2000, (Ram + 0x3000) | 3);
        Put(0x3000, Physical | AccessFlag | 3);
    }

    private void Put(int at, ulong descriptor) =>
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), descriptor);
}
