using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Host.Tests;

public sealed class MappedFileTests : IDisposable
{
    private const int MiB = 1 << 20;
    private readonly string path = Path.GetTempFileName();

    public void Dispose()
    {
        File.SetAttributes(path, FileAttributes.Normal);
        File.Delete(path);
    }

    [Fact]
    public async Task What_is_written_and_flushed_is_in_the_file()
    {
        Fill(4 * MiB);
        using (MappedFile file = MappedFile.Open(path, MappedFileMode.Shared))
        {
            Assert.Equal(4 * MiB, file.Length);
            Assert.Equal(1, file.Pieces[0].Span[^1]);
            file.Pieces[0].Span[3 * MiB] = 7;
            await file.FlushAsync(TestContext.Current.CancellationToken);
            Assert.Equal(4 * MiB, new FileInfo(path).Length);
        }

        Assert.Equal(7, File.ReadAllBytes(path)[3 * MiB]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData((2 * MiB) - 1)]
    [InlineData(2 * MiB)]
    public void A_file_that_is_only_read_is_filled_up_to_2_MiB_with_zeroes(int length)
    {
        Fill(length);
        using MappedFile file = MappedFile.Open(path, MappedFileMode.ReadOnly);
        Assert.Equal(2 * MiB, file.Length);
        Assert.Equal(file.Length, file.Pieces.Sum(piece => (long)piece.Length));
        byte[] all = [.. file.Pieces.SelectMany(piece => piece.ToArray())];
        Assert.Equal(-1, all.AsSpan(0, length).IndexOfAnyExcept((byte)1));
        Assert.Equal(-1, all.AsSpan(length).IndexOfAnyExcept((byte)0));
        Assert.Equal(length, new FileInfo(path).Length);
    }

    [Fact]
    public async Task What_is_written_to_a_private_mapping_is_forgotten()
    {
        Fill((2 * MiB) + 5);
        using (MappedFile file = MappedFile.Open(path, MappedFileMode.Private))
        {
            foreach (Memory<byte> piece in file.Pieces) piece.Span.Fill(9);
            Assert.True(file.FlushAsync(TestContext.Current.CancellationToken).IsCompletedSuccessfully);
            await file.FlushAsync(TestContext.Current.CancellationToken);
            Assert.Equal(9, file.Pieces[0].Span[0]);
        }

        Assert.Equal(-1, File.ReadAllBytes(path).AsSpan().IndexOfAnyExcept((byte)1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    [InlineData((2 * MiB) + 1)]
    public void A_file_of_a_length_that_does_not_suit_is_not_written(int length)
    {
        Fill(length);
        InvalidDataException error =
            Assert.Throws<InvalidDataException>(() => MappedFile.Open(path, MappedFileMode.Shared));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Equal(length, new FileInfo(path).Length);
    }

    [Fact]
    public void A_file_in_use_is_refused()
    {
        Fill(2 * MiB);
        using MappedFile file = MappedFile.Open(path, MappedFileMode.Shared);
        Assert.Throws<IOException>(() => MappedFile.Open(path, MappedFileMode.Shared));
        Assert.Throws<IOException>(() => MappedFile.Open(path, MappedFileMode.ReadOnly));
    }

    [Fact]
    public void Readers_share_a_file()
    {
        Fill(2 * MiB);
        using MappedFile one = MappedFile.Open(path, MappedFileMode.ReadOnly);
        using MappedFile two = MappedFile.Open(path, MappedFileMode.Private);
        Assert.Throws<IOException>(() => MappedFile.Open(path, MappedFileMode.Shared));
    }

    [Fact]
    public async Task A_file_that_was_cut_fails_the_flush()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere a mapped file cannot be cut.");
        Fill(4 * MiB);
        using MappedFile file = MappedFile.Open(path, MappedFileMode.Shared);
        Cut(2 * MiB);
        await Assert.ThrowsAsync<IOException>(async () => await file.FlushAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    [Trait("Row", "PMEM-07")]
    public async Task A_flush_of_a_driver_reaches_the_file()
    {
        Fill(2 * MiB);
        const ulong Start = 0x1_0000_0000;
        using MappedFile file = MappedFile.Open(path, MappedFileMode.Shared);
        PmemDevice device = new(file, new() { Address = Start, Length = file.Length });
        GuestMemory memory = new(new(0x8000_0000, new byte[MiB]), new(Start, file.Pieces[0]));
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, memory: memory);
        DriverQueue queue = driver.Start()!;
        Assert.True(memory.TryWrite(Start + 100, "squib"u8));
        queue.Submit([new byte[4]], [4]);
        UsedBuffer? used;
        while (!queue.TryReap(out used))
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        Assert.Equal(new byte[4], used.Written);
        driver.Reset();
        file.Dispose();
        Assert.Equal("squib"u8, File.ReadAllBytes(path).AsSpan(100, 5));
    }

    [Fact]
    public void A_closed_file_is_not_touched()
    {
        Fill(2 * MiB);
        MappedFile file = MappedFile.Open(path, MappedFileMode.Shared);
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Pieces[0].Span[0]);
        Assert.Throws<ObjectDisposedException>(() => { _ = file.FlushAsync(TestContext.Current.CancellationToken); });
        using MappedFile again = MappedFile.Open(path, MappedFileMode.Shared);
    }

    private void Cut(int length)
    {
        // A program that asks for no lock: this process would be refused.
        string size = length.ToString(System.Globalization.CultureInfo.InvariantCulture);
        using System.Diagnostics.Process truncate = System.Diagnostics.Process.Start("truncate", ["-s", size, path]);
        truncate.WaitForExit();
        Assert.Equal(0, truncate.ExitCode);
    }

    private void Fill(int length)
    {
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill(1);
        File.WriteAllBytes(path, bytes);
    }
}
