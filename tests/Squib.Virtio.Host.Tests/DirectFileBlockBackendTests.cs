using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Host.Tests;

[SupportedOSPlatform("linux")]
public sealed class DirectFileBlockBackendTests : IAsyncDisposable
{
    private const int ImageBytes = 4 << 20;
    private const ulong RamStart = 0x8000_0000;
    private const ulong BufferStart = RamStart + (8 << 20);
    private const uint In = 0;
    private const uint Out = 1;
    private const uint Flush = 4;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-test-");
    private readonly MappedMemory ram = new(16 << 20);
    private readonly GuestMemory memory;
    private readonly string path;
    private IBlockBackend? backend;

    public DirectFileBlockBackendTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux is asked.");
        memory = new(new GuestRegion(RamStart, ram.Pieces[0]));
        path = Path.Combine(folder.FullName, "image");
        using FileStream image = new(path, FileMode.CreateNew);
        image.SetLength(ImageBytes);
    }

    public async ValueTask DisposeAsync()
    {
        if (backend is not null) await backend.DisposeAsync();
        ram.Dispose();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Nothing_of_the_image_comes_into_the_page_cache()
    {
        DriverQueue queue = Attach(Open());
        byte[] content = Pattern(1 << 20, 1);
        Assert.Equal(0, Write(queue, 0, content, [content.Length]));
        Assert.Equal(0, Do(queue, Flush, 0, []));
        Assert.Equal(content, Read(queue, 0, [content.Length]).Content);
        Assert.Equal(0, Bounced);
        Assert.Equal(0, await CountCachedPagesAsync());

        // The same through the cache, so that the count above can be trusted.
        await backend!.DisposeAsync();
        queue = Attach(backend = FileBlockBackend.Open(path));
        Assert.Equal(content, Read(queue, 0, [content.Length]).Content);
        Assert.InRange(await CountCachedPagesAsync(), content.Length / Environment.SystemPageSize, int.MaxValue);
    }

    [Fact]
    public async Task Buffers_cut_and_placed_anyhow_hold_what_was_written()
    {
        const int MostSectors = 400;
        int seed = Environment.TickCount;
        Random random = new(seed);
        DriverQueue queue = Attach(Open());
        byte[] model = new byte[ImageBytes];
        for (int i = 0; i < 300; i++)
        {
            int bytes = random.Next(1, MostSectors) * 512;
            int offset = random.Next((ImageBytes - bytes) / 512) * 512;
            int[] pieces = Cut(bytes, random);
            if (random.Next(2) == 0)
            {
                byte[] content = Pattern(bytes, random.Next());
                content.CopyTo(model, offset);
                Assert.Equal(0, Write(queue, offset, content, pieces));
            }
            else
            {
                (int status, byte[] found) = Read(queue, offset, pieces);
                Assert.Equal(0, status);
                Assert.True(found.AsSpan().SequenceEqual(model.AsSpan(offset, bytes)), $"seed {seed}, request {i}");
            }
        }

        Assert.InRange(Bounced, 1, long.MaxValue);
        await backend!.DisposeAsync();
        Assert.Equal(model, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_file_that_is_cut_off_is_an_error_and_not_extended()
    {
        DriverQueue queue = Attach(Open());
        ((DirectFileBlockBackend)backend!).Image.SetLength(4096);
        Assert.Equal(1, Read(queue, 8192, [4096]).Status);
        Assert.Equal(1, Write(queue, 8192, new byte[4096], [4096]));
        Assert.Equal(4096, new FileInfo(path).Length);
    }

    [Fact]
    public void It_is_locked_like_any_image_and_unlocked_when_closed()
    {
        Open();
        Assert.Throws<IOException>(() => FileBlockBackend.Open(path));
        backend!.DisposeAsync().AsTask().GetAwaiter().GetResult();
        backend = FileBlockBackend.Open(path);
    }

    private long Bounced => ((DirectFileBlockBackend)backend!).Bounced;

    private IBlockBackend Open()
    {
        FileBlockBackend image = FileBlockBackend.Open(path, readOnly: false, FileRanges.PunchHole, FileRanges.Zero);
        try
        {
            return backend = DirectFileBlockBackend.Open(image, path);
        }
        catch (IOException error) when (error.Message.Contains("no way past", StringComparison.Ordinal))
        {
            backend = image;
            Assert.Skip(error.Message);
            throw;
        }
    }

    private DriverQueue Attach(IBlockBackend disk) => GuestDriver.Attach(new BlockDevice(disk), memory: memory).Driver.Start()!;

    /// <summary>Cuts a request into pieces, some of them whole pages, some of any length.</summary>
    private static int[] Cut(int bytes, Random random)
    {
        List<int> pieces = [];
        while (bytes > 0)
        {
            int piece = Math.Min(bytes, random.Next(3) > 0 ? 4096 : random.Next(1, 5000));
            // What is left fits the descriptors of a request.
            if (pieces.Count == 100) piece = bytes;
            pieces.Add(piece);
            bytes -= piece;
        }

        return [.. pieces];
    }

    private int Write(DriverQueue queue, int offset, byte[] content, int[] pieces)
    {
        List<DriverSegment> segments = Place(pieces, isWritable: false);
        int at = 0;
        foreach (DriverSegment segment in segments)
        {
            memory.TryWrite(segment.Address, content.AsSpan(at, (int)segment.Length));
            at += (int)segment.Length;
        }

        return Do(queue, Out, offset, segments);
    }

    private (int Status, byte[] Content) Read(DriverQueue queue, int offset, int[] pieces)
    {
        List<DriverSegment> segments = Place(pieces, isWritable: true);
        int status = Do(queue, In, offset, segments);
        List<byte> content = [];
        foreach (DriverSegment segment in segments)
        {
            byte[] piece = new byte[segment.Length];
            memory.TryRead(segment.Address, piece);
            content.AddRange(piece);
        }

        return (status, [.. content]);
    }

    /// <summary>Puts pieces into guest memory: whole pages to a page's beginning, others behind each other.</summary>
    private static List<DriverSegment> Place(int[] pieces, bool isWritable)
    {
        List<DriverSegment> segments = [];
        ulong at = BufferStart;
        foreach (int piece in pieces)
        {
            if (piece % 4096 == 0) at = (at + 4095) & ~4095UL;
            segments.Add(new(at, (uint)piece, isWritable));
            at += (ulong)piece;
        }

        return segments;
    }

    private int Do(DriverQueue queue, uint type, int offset, List<DriverSegment> data)
    {
        const ulong Header = BufferStart - 4096;
        const ulong Status = BufferStart - 2048;
        byte[] header = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), (ulong)offset / 512);
        memory.TryWrite(Header, header);
        memory.TryWrite(Status, [0xff]);
        queue.Add([new(Header, 16, false), .. data, new(Status, 1, true)]);
        queue.Kick();
        Assert.Single(queue.Reap());
        byte[] status = new byte[1];
        memory.TryRead(Status, status);
        return status[0];
    }

    private static byte[] Pattern(int bytes, int seed)
    {
        byte[] content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return content;
    }

    private async Task<int> CountCachedPagesAsync()
    {
        using Process fincore = Process.Start(
            new ProcessStartInfo("fincore", ["--noheadings", "--output", "PAGES", path]) { RedirectStandardOutput = true })!;
        string pages = await fincore.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await fincore.WaitForExitAsync(TestContext.Current.CancellationToken);
        return int.Parse(pages, CultureInfo.InvariantCulture);
    }
}
