using System.Diagnostics;
using System.Runtime.Versioning;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Host.Tests;

/// <summary>A disk whose host cannot commit: the kernel itself says no.</summary>
[SupportedOSPlatform("linux")]
public sealed class FlushFailureTests : IDisposable
{
    private const byte Ok = 0;
    private const byte IoError = 1;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-test-");

    public FlushFailureTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has filters of system calls.");

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Case", "H07")]
    public async Task H07_After_an_fsync_that_failed_no_flush_succeeds_until_the_image_is_opened_again(bool direct)
    {
        string path = Path.Combine(folder.FullName, "image");
        await File.WriteAllBytesAsync(path, new byte[65_536], TestContext.Current.CancellationToken);
        await using (IBlockBackend image = Open(path, direct))
        {
            DriverQueue queue = Attach(image);
            Assert.Equal(Ok, Write(queue));
            Assert.Equal(Ok, Flush(queue));
            Assert.Equal(Ok, Write(queue));
            Assert.Equal(IoError, RefusedFsync.Run(() => Flush(queue)));
            // Here fsync succeeds again, which says nothing about what was to be committed before.
            Assert.Equal(IoError, Flush(queue));
        }

        await using IBlockBackend again = Open(path, direct);
        DriverQueue opened = Attach(again);
        Assert.Equal(Ok, Write(opened));
        Assert.Equal(Ok, Flush(opened));
    }

    [Theory]
    [InlineData(false, "flushed\n")]
    [InlineData(true, "refused\n")]
    [Trait("Case", "H07")]
    public async Task H07_Persistent_memory_says_so_when_an_fsync_fails(bool refuses, string expected)
    {
        string path = Path.Combine(folder.FullName, "memory");
        await File.WriteAllBytesAsync(path, new byte[2 << 20], TestContext.Current.CancellationToken);
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "Squib.Virtio.Victim.dll"), path, "0", "memory"];
        ProcessStartInfo start = new(dotnet, arguments) { RedirectStandardOutput = true };
        // It flushes on a thread of the pool; a process that a filtered thread has started is filtered as a whole.
        using Process process = refuses ? RefusedFsync.Run(() => Process.Start(start)!) : Process.Start(start)!;
        Assert.Equal(expected, await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    private static IBlockBackend Open(string path, bool direct)
    {
        FileBlockBackend image = FileBlockBackend.Open(path, flush: FileFlush.ToDisk);
        return direct ? DirectFileBlockBackend.Open(image, path) : image;
    }

    private static DriverQueue Attach(IBlockBackend image)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new BlockDevice(image));
        driver.Start();
        return driver.Queues[0];
    }

    private static byte Write(DriverQueue queue) => Do(queue, [1, .. new byte[15], .. new byte[4096]]);

    private static byte Flush(DriverQueue queue) => Do(queue, [4, .. new byte[15]]);

    private static byte Do(DriverQueue queue, byte[] request)
    {
        queue.Submit([request], [1]);
        return queue.Reap().Single().Written[0];
    }
}
