using Squib.Virtio.Devices.Block;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Devices.Block;

public sealed class BlockDeviceTests
{
    private const int DiskBytes = 1 << 20;

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void What_was_written_is_read_back(bool packed, bool inOrder)
    {
        MemoryBlockBackend backend = new(new byte[DiskBytes]);
        BlockGuest guest = new(backend, transport: new() { RingPacked = packed, InOrder = inOrder });
        byte[] data = Pattern(8192);
        BlockAnswer written = guest.Write(5, data);
        Assert.Equal((Ok, 1u), (written.Status, written.Length));
        BlockAnswer read = guest.Read(5, 8192);
        Assert.Equal((Ok, 8193u), (read.Status, read.Length));
        Assert.Equal(data, read.Data);
        Assert.Equal(new BlockCounters(1, 1, 0, 0, 0, 8192, 8192, 0, 0), guest.Device.Counters);
    }

    [Theory]
    [Trait("Row", "BLK-D01")]
    [InlineData(new[] { 16 }, new[] { 1024, 1 })]
    [InlineData(new[] { 16 }, new[] { 1025 })]
    [InlineData(new[] { 1, 14, 1 }, new[] { 1, 1022, 1, 1 })]
    [InlineData(new[] { 4, 4, 8 }, new[] { 512, 513 })]
    public void Where_the_driver_cuts_its_buffers_does_not_matter(int[] headerCuts, int[] room)
    {
        byte[] disk = Pattern(DiskBytes);
        BlockGuest guest = new(new MemoryBlockBackend(disk));
        byte[] header = Header(In, 7);
        List<byte[]> pieces = [];
        int at = 0;
        foreach (int cut in headerCuts) pieces.Add(header[at..(at += cut)]);
        guest.Queue.Submit(pieces, room);
        BlockAnswer answer = guest.Reap();
        Assert.Equal((Ok, 1025u), (answer.Status, answer.Length));
        Assert.Equal(disk[(7 * 512)..(9 * 512)], answer.Data);
    }

    [Fact]
    public void Header_and_data_of_a_write_may_share_a_descriptor()
    {
        byte[] disk = new byte[DiskBytes];
        BlockGuest guest = new(new MemoryBlockBackend(disk));
        byte[] data = Pattern(1024);
        guest.Queue.Submit([[.. Header(Out, 3), .. data[..100]], data[100..]], [1], indirect: true);
        Assert.Equal(Ok, guest.Reap().Status);
        Assert.Equal(data, disk[1536..2560]);
    }

    [Fact]
    [Trait("Row", "BLK-D02")]
    public void Sectors_are_512_bytes_whatever_the_block_size()
    {
        byte[] disk = Pattern(DiskBytes);
        BlockGuest guest = new(new MemoryBlockBackend(disk), new() { BlockSize = 4096 });
        Assert.Equal(4096u, guest.ReadConfig32(0x14));
        Assert.Equal(DiskBytes / 512ul, guest.ReadCapacity());
        Assert.Equal(disk[512..1024], guest.Read(1, 512).Data);
    }

    [Fact]
    [Trait("Row", "BLK-D03")]
    [Trait("Case", "B08")]
    public void An_unknown_type_is_UNSUPP()
    {
        BlockGuest guest = new(new SpyBlockBackend(DiskBytes));
        uint[] types = [2, 3, 5, 10, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 99, 0x7fff_ffff, 0x8000_0000];
        foreach (uint type in types)
        {
            BlockAnswer answer = guest.Do(type, 0);
            Assert.Equal((Unsupported, 1u), (answer.Status, answer.Length));
        }

        guest.AssertHealthy();
    }

    [Theory]
    [Trait("Row", "BLK-D04")]
    [InlineData("")]
    [InlineData("disk0")]
    [InlineData("12345678901234567890")]
    public void The_id_is_padded_with_zeros(string id)
    {
        BlockGuest guest = new(new MemoryBlockBackend(new byte[512]), new() { Id = id });
        BlockAnswer answer = guest.Do(GetId, 0, writable: [20]);
        Assert.Equal((Ok, 21u), (answer.Status, answer.Length));
        Assert.Equal(id.PadRight(20, '\0'), System.Text.Encoding.ASCII.GetString(answer.Data));
    }

    [Fact]
    [Trait("Row", "BLK-01")]
    [Trait("Row", "BLK-02")]
    public void FLUSH_comes_with_CONFIG_WCE_and_both_unless_nothing_is_promised()
    {
        const ulong both = BlockFeature.Flush | BlockFeature.ConfigWce;
        foreach (BlockCacheMode mode in Enum.GetValues<BlockCacheMode>())
        {
            BlockDevice device = new(new MemoryBlockBackend(new byte[512]), new() { Cache = mode });
            Assert.Equal(mode == BlockCacheMode.Unsafe ? 0 : both, device.Features & both);
        }
    }

    [Fact]
    [Trait("Row", "BLK-04")]
    [Trait("Row", "BLK-05")]
    [Trait("Row", "BLK-D08")]
    public void The_configuration_says_what_the_options_say()
    {
        SpyBlockBackend backend = new(DiskBytes);
        BlockOptions options = new()
        {
            BlockSize = 1024,
            PhysicalBlockSize = 4096,
            MinIoBlocks = 4,
            OptimalIoBlocks = 64,
            QueueCount = 3,
            MaxSegments = 77,
            MaxSegmentBytes = 65_536,
            MaxRanges = 9,
            MaxDiscardSectors = 1000,
            MaxWriteZeroesSectors = 500,
            DiscardAlignmentSectors = 16,
        };
        BlockGuest guest = new(backend, options);
        const ulong all = BlockFeature.SizeMax | BlockFeature.SegMax | BlockFeature.BlockSize | BlockFeature.Flush
            | BlockFeature.Topology | BlockFeature.ConfigWce | BlockFeature.MultiQueue | BlockFeature.Discard
            | BlockFeature.WriteZeroes;
        Assert.Equal(all, guest.Device.Features);
        byte[] config = guest.Driver.ReadConfig(0, 0x40);
        byte[] expected = new byte[0x40];
        BitConverter.TryWriteBytes(expected.AsSpan(0x00), DiskBytes / 512L);
        BitConverter.TryWriteBytes(expected.AsSpan(0x08), 65_536);
        BitConverter.TryWriteBytes(expected.AsSpan(0x0c), 77);
        BitConverter.TryWriteBytes(expected.AsSpan(0x14), 1024);
        expected[0x18] = 2;
        BitConverter.TryWriteBytes(expected.AsSpan(0x1a), (short)4);
        BitConverter.TryWriteBytes(expected.AsSpan(0x1c), 64);
        expected[0x20] = 1;
        BitConverter.TryWriteBytes(expected.AsSpan(0x22), (short)3);
        BitConverter.TryWriteBytes(expected.AsSpan(0x24), 1000);
        BitConverter.TryWriteBytes(expected.AsSpan(0x28), 9);
        BitConverter.TryWriteBytes(expected.AsSpan(0x2c), 16);
        BitConverter.TryWriteBytes(expected.AsSpan(0x30), 500);
        BitConverter.TryWriteBytes(expected.AsSpan(0x34), 9);
        expected[0x38] = 1;
        Assert.Equal(expected, config);
        guest.Driver.WriteRegister(MmioRegister.QueueSel, 3);
        Assert.Equal(0u, guest.Driver.ReadRegister(MmioRegister.QueueNumMax));
    }

    [Fact]
    [Trait("Row", "BLK-23")]
    public void Features_that_the_backend_cannot_keep_are_not_offered()
    {
        BlockDevice plain = new(new MemoryBlockBackend(new byte[512]));
        Assert.Equal(0u, plain.Features & (BlockFeature.Discard | BlockFeature.ReadOnly | 1UL << 15 | 1UL << 16));
        Assert.NotEqual(0u, plain.Features & BlockFeature.WriteZeroes);
        BlockDevice readOnly = new(new SpyBlockBackend(512) { ReadOnly = true });
        const ulong writing = BlockFeature.Discard | BlockFeature.WriteZeroes;
        Assert.Equal(BlockFeature.ReadOnly, readOnly.Features & (BlockFeature.ReadOnly | writing));
    }

    [Theory]
    [Trait("Row", "BLK-06")]
    [Trait("Row", "BLK-07")]
    [Trait("Case", "B09")]
    [InlineData(Out)]
    [InlineData(Discard)]
    [InlineData(WriteZeroes)]
    public void A_read_only_disk_is_never_written(uint type)
    {
        SpyBlockBackend backend = new(DiskBytes);
        BlockGuest guest = new(backend, new() { ReadOnly = true }, wanted: ~BlockFeature.ReadOnly);
        BlockAnswer answer = guest.Do(type, 0, [type == Out ? Pattern(512) : Range(0, 1)]);
        Assert.Equal(IoError, answer.Status);
        Assert.Empty(backend.Calls);
        guest.AssertHealthy();
    }

    [Fact]
    public void Options_out_of_their_limits_are_refused()
    {
        Refuse("Id", new() { Id = "123456789012345678901" });
        Refuse("Id", new() { Id = "ä" });
        Refuse("BlockSize", new() { BlockSize = 1000 });
        Refuse("PhysicalBlockSize", new() { BlockSize = 4096, PhysicalBlockSize = 512 });
        Refuse("QueueCount", new() { QueueCount = 0 });
        Refuse("MaxRanges", new() { MaxRanges = 1025 });
        Assert.Throws<ArgumentException>("bytes", () => new MemoryBlockBackend(new byte[513]));
        Assert.Throws<ArgumentException>("backend", () => new BlockDevice(new SpyBlockBackend(100)));
        static void Refuse(string name, BlockOptions options)
        {
            SpyBlockBackend backend = new(512);
            Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(() => new BlockDevice(backend, options)).ParamName);
        }
    }

    [Fact]
    public void A_device_serves_again_after_a_reset()
    {
        BlockGuest guest = new(new MemoryBlockBackend(Pattern(DiskBytes)));
        for (int i = 0; i < 3; i++)
        {
            guest.AssertHealthy();
            guest.Driver.Reset();
            guest.Driver.Start();
        }
    }
}
