using System.Diagnostics;
using Squib.Virtio.Devices.Block;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Devices.Block;

public sealed class FileBlockBackendTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("squib-block-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task What_the_guest_writes_is_in_the_file()
    {
        string path = Image(64 * 1024);
        FileBlockBackend backend = FileBlockBackend.Open(path);
        BlockGuest guest = new(backend);
        byte[] data = Pattern(4096);
        Assert.Equal(Ok, guest.Do(Out, 3, [data[..100], data[100..]]).Status);
        Assert.Equal(Ok, guest.Do(Flush, 0).Status);
        Assert.Equal(data, guest.Do(In, 3, writable: [4095, 1]).Data);
        Assert.Equal(Ok, guest.Do(WriteZeroes, 0, [Range(4, 2)]).Status);
        await backend.DisposeAsync();
        Array.Clear(data, 512, 1024);
        Assert.Equal(data, File.ReadAllBytes(path)[1536..5632]);
        Assert.Equal(64 * 1024, new FileInfo(path).Length);
    }

    [Fact]
    [Trait("Case", "H05")]
    public async Task H05_A_file_that_is_cut_off_gives_IOERR_and_does_not_grow_again()
    {
        string path = Image(2048 * 512);
        await using FileBlockBackend backend = FileBlockBackend.Open(path);
        BlockGuest guest = new(backend);
        // The lock is advisory: whoever does not ask for it can still cut the file off.
        backend.SetLength(1000 * 512);
        Assert.Equal(IoError, guest.Read(1500, 512).Status);
        Assert.Equal(IoError, guest.Write(1500, new byte[512]).Status);
        Assert.Equal(IoError, guest.Do(WriteZeroes, 0, [Range(1500, 1)]).Status);
        BlockAnswer edge = guest.Read(999, 1024);
        Assert.Equal((IoError, 512u), (edge.Status, edge.Length));
        Assert.Equal(1000 * 512, new FileInfo(path).Length);
        Assert.Equal(2048u, guest.ReadCapacity());
        guest.AssertHealthy();
    }

    [Fact]
    public async Task A_file_grows_while_the_guest_runs()
    {
        await using FileBlockBackend backend = FileBlockBackend.Open(Image(512));
        BlockGuest guest = new(backend);
        backend.SetLength(4096);
        guest.Device.Resize(4096);
        Assert.Equal(8u, guest.ReadCapacity());
        Assert.Equal(Ok, guest.Write(7, new byte[512]).Status);
        Assert.Throws<ArgumentOutOfRangeException>(() => backend.SetLength(1000));
    }

    [Fact]
    [Trait("Case", "H06")]
    public async Task H06_A_closed_file_gives_IOERR_until_the_image_is_swapped()
    {
        FileBlockBackend backend = FileBlockBackend.Open(Image(4096));
        BlockGuest guest = new(backend);
        await backend.DisposeAsync();
        Assert.Equal(IoError, guest.Read(0, 512).Status);
        Assert.Equal(IoError, guest.Write(0, new byte[512]).Status);
        Assert.Equal(IoError, guest.Do(Flush, 0).Status);
        await using FileBlockBackend next = FileBlockBackend.Open(Image(4096));
        await guest.Device.SwapAsync(next);
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "H21")]
    public async Task H21_A_read_only_image_is_read_only_for_the_driver()
    {
        await using FileBlockBackend backend = FileBlockBackend.Open(Image(4096), readOnly: true);
        BlockGuest guest = new(backend);
        Assert.True(guest.Device.ReadOnly);
        Assert.Equal(IoError, guest.Write(0, new byte[512]).Status);
        Assert.Equal(Ok, guest.Do(Flush, 0).Status);
        Assert.Throws<InvalidOperationException>(() => backend.SetLength(512));
        guest.AssertHealthy();
    }

    [Fact]
    public async Task Discards_go_to_the_hole_puncher_of_the_host()
    {
        List<(long Offset, long Length)> holes = [];
        List<(long Offset, long Length)> zeroed = [];
        await using FileBlockBackend backend = FileBlockBackend.Open(
            Image(65_536),
            punchHole: (_, offset, length) => { holes.Add((offset, length)); return true; },
            zeroRange: (_, offset, length) => { zeroed.Add((offset, length)); return true; });
        Assert.Equal([(65_536, 4096)], holes);
        BlockGuest guest = new(backend);
        Assert.Equal([1], guest.Driver.ReadConfig(0x38, 1));
        Assert.Equal(Ok, guest.Do(Discard, 0, [Range(8, 8)]).Status);
        Assert.Equal(Ok, guest.Do(WriteZeroes, 0, [Range(16, 8, 1), Range(32, 8)]).Status);
        Assert.Equal([(65_536, 4096), (4096, 4096), (8192, 4096)], holes);
        Assert.Equal([(16_384, 4096)], zeroed);
    }

    [Fact]
    public async Task Zeros_are_written_where_the_host_cannot_punch_holes()
    {
        string path = Image(1 << 20, fill: 0xff);
        FileRangeOperation cannot = (_, _, _) => false;
        FileBlockBackend backend = FileBlockBackend.Open(path, punchHole: cannot, zeroRange: cannot);
        Assert.False(backend.CanUnmap);
        BlockGuest guest = new(backend);
        Assert.Equal(0u, guest.Device.Features & BlockFeature.Discard);
        Assert.Equal(Ok, guest.Do(WriteZeroes, 0, [Range(1, 1000, 1)]).Status);
        await backend.DisposeAsync();
        byte[] bytes = File.ReadAllBytes(path);
        Assert.All(bytes[512..(1001 * 512)], b => Assert.Equal(0, b));
        Assert.All(bytes[(1001 * 512)..], b => Assert.Equal(0xff, b));
        Assert.Equal(0xff, bytes[511]);
    }

    [Fact]
    public void An_image_that_cannot_be_attached_is_refused_in_one_sentence()
    {
        string absent = Path.Combine(folder, "absent.img");
        Refuse<FileNotFoundException>(absent, $"{absent} does not exist.");
        Refuse<FileNotFoundException>(Path.Combine(absent, "x"), $"{Path.Combine(absent, "x")} does not exist.");
        Refuse<IOException>(folder, $"{folder} is a directory, not an image.");
        string odd = Image(1000);
        Refuse<InvalidDataException>(odd, $"{odd} has 1000 bytes, which is not a multiple of 512.");
        string empty = Image(0);
        Refuse<InvalidDataException>(empty, $"{empty} is empty or not a regular file.");
        // A refused image is not left locked.
        File.WriteAllBytes(odd, new byte[1024]);
    }

    [Fact]
    public async Task A_file_without_write_permission_can_only_be_attached_read_only()
    {
        // Nobody can write the former, not even root.
        string path = OperatingSystem.IsLinux() ? "/sys/kernel/uevent_seqnum" : Image(512);
        FileAttributes before = File.GetAttributes(path);
        if (!OperatingSystem.IsLinux()) File.SetAttributes(path, FileAttributes.ReadOnly);
        Refuse<IOException>(path, $"{path} cannot be written; it can only be attached read-only.");
        await using (FileBlockBackend readable = FileBlockBackend.Open(path, readOnly: true)) Assert.True(readable.ReadOnly);
        if (!OperatingSystem.IsLinux()) File.SetAttributes(path, before);
    }

    [Fact]
    [Trait("Case", "H07")]
    public async Task H07_After_a_flush_that_failed_all_later_ones_fail_without_asking_the_host()
    {
        int asked = 0;
        await using FileBlockBackend image = FileBlockBackend.Open(
            Image(512),
            flush: _ =>
            {
                if (++asked == 2) throw new IOException();
            });
        BlockStatus[] answers = new BlockStatus[4];
        for (int i = 0; i < answers.Length; i++) answers[i] = await image.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal([BlockStatus.Ok, BlockStatus.IoError, BlockStatus.IoError, BlockStatus.IoError], answers);
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task One_writer_or_many_readers()
    {
        string path = Image(512);
        string refusal = $"{path} is in use by another program.";
        await using (FileBlockBackend.Open(path))
        {
            Refuse<IOException>(path, refusal);
            Refuse<IOException>(path, refusal, readOnly: true);
        }

        await using (FileBlockBackend.Open(path, readOnly: true))
        await using (FileBlockBackend.Open(path, readOnly: true))
        {
            Refuse<IOException>(path, refusal);
        }

        await using FileBlockBackend again = FileBlockBackend.Open(path);
    }

    [Theory]
    [InlineData("--exclusive", true)]
    [InlineData("--exclusive", false)]
    [InlineData("--shared", false)]
    public async Task A_lock_of_another_process_is_seen(string mode, bool readOnly)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The program flock is Linux'.");
        string path = Image(512);
        // flock runs a program while it holds the lock; cat ends when its input does.
        using Process holder = Process.Start(new ProcessStartInfo("flock", [mode, path, "sh", "-c", "echo locked; cat"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        Assert.Equal("locked", await holder.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        Refuse<IOException>(path, $"{path} is in use by another program.", readOnly);
        holder.StandardInput.Close();
        await holder.WaitForExitAsync(TestContext.Current.CancellationToken);
        await using FileBlockBackend free = FileBlockBackend.Open(path, readOnly);
    }

    private static void Refuse<T>(string path, string message, bool readOnly = false)
        where T : Exception =>
        Assert.Equal(message, Assert.Throws<T>(() => FileBlockBackend.Open(path, readOnly)).Message);

    private string Image(int length, byte fill = 0)
    {
        string path = Path.Combine(folder, Path.GetRandomFileName());
        byte[] bytes = new byte[length];
        Array.Fill(bytes, fill);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
