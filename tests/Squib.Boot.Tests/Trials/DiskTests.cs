using System.Security.Cryptography;
using Squib.Cli.Boot;
using Squib.Cli.Demo;
using Squib.Machine;
using Squib.Virtio.Devices.Block;
using Xunit;

namespace Squib.Boot.Tests.Trials;

/// <summary>One boot in which Linux discards, zeroes and grows its disks; the host then looks at the images.</summary>
public sealed class DiskTests(DiskTests.Fixture disks) : IClassFixture<DiskTests.Fixture>
{
    private const int MiB = 1 << 20;

    [Fact]
    public async Task A_file_system_that_was_trimmed_and_grown_while_mounted_stays_clean()
    {
        Assert.InRange(disks.FileSystem.Discards, 1, long.MaxValue);
        Assert.Matches(@"TRIAL trimmed [1-9]\d{6,} bytes", disks.Output);
        Assert.Contains($"TRIAL grown {Fixture.SmallBytes / 512} to {Fixture.LargeBytes / 512}", disks.Output, StringComparison.Ordinal);
        (int exitCode, string report) = await HostTool.RunAsync("e2fsck", "-fn", disks.FileSystemImage);
        Assert.True(exitCode == 0, report);
        string kept = disks.Folder.File("kept");
        await HostTool.RunAsync("debugfs", "-R", $"dump /kept {kept}", disks.FileSystemImage);
        string sum = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(kept)))[..16];
        Assert.Contains($"TRIAL kept {sum}", disks.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_discarded_and_zeroed_is_that_and_no_byte_more()
    {
        Assert.Contains("TRIAL discarded", disks.Output, StringComparison.Ordinal);
        Assert.Contains("TRIAL zeroed", disks.Output, StringComparison.Ordinal);
        Assert.InRange(disks.Scratch.Discards, 1, long.MaxValue);
        Assert.InRange(disks.Scratch.WriteZeroes, 1, long.MaxValue);
        byte[] content = await File.ReadAllBytesAsync(disks.ScratchImage);
        Assert.Equal(-1, content.AsSpan(0, 4 * MiB).IndexOfAnyExcept((byte)'x'));
        // A hole on Linux; another host may keep what was discarded.
        Assert.Equal(-1, content.AsSpan(4 * MiB, 4 * MiB).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, content.AsSpan(8 * MiB, 4 * MiB).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, content.AsSpan(12 * MiB, 4 * MiB).IndexOfAnyExcept((byte)'x'));
    }

    [Fact]
    public async Task A_read_only_image_keeps_every_byte_whatever_the_guest_tries()
    {
        Assert.Contains("TRIAL write refused", disks.Output, StringComparison.Ordinal);
        Assert.Contains("TRIAL discard refused", disks.Output, StringComparison.Ordinal);
        Assert.Equal(disks.ReadOnlySum, SHA256.HashData(await File.ReadAllBytesAsync(disks.ReadOnlyImage)));
    }

    public sealed class Fixture(FetchedGuest guest) : IAsyncLifetime
    {
        public const long SmallBytes = 24 * MiB;
        public const long LargeBytes = 64 * MiB;

        public TemporaryFolder Folder { get; } = new();

        public string FileSystemImage => Folder.File("ext4.img");

        public string ScratchImage => Folder.File("scratch.img");

        public string ReadOnlyImage => Folder.File("readonly.img");

        public byte[] ReadOnlySum { get; private set; } = [];

        public string Output { get; private set; } = "";

        public BlockCounters FileSystem { get; private set; }

        public BlockCounters Scratch { get; private set; }

        public async ValueTask InitializeAsync()
        {
            (string kernel, string initrd) = guest.GetForTrials();
            await MakeFileSystemAsync(FileSystemImage, SmallBytes);
            DemoDisk.CreateEmpty(ScratchImage, 16 * MiB);
            await MakeFileSystemAsync(ReadOnlyImage, 16 * MiB);
            ReadOnlySum = SHA256.HashData(await File.ReadAllBytesAsync(ReadOnlyImage));
            List<string> lines = [];
            MachineAssembly? machine = null;
            using MachineAssembly assembly = MachineAssembly.Build(new()
            {
                Kernel = BootRun.LoadKernel(kernel),
                Initrd = await File.ReadAllBytesAsync(initrd),
                CommandLine = "quiet rdinit=/trial trial=disks",
                Drives =
                [
                    new() { Path = FileSystemImage },
                    new() { Path = ScratchImage, Direct = OperatingSystem.IsLinux() },
                    new() { Path = ReadOnlyImage, ReadOnly = true },
                ],
                SerialOutput = new GuestLines(Stream.Null, line =>
                {
                    lines.Add(line);
                    if (line == "READY grow") Grow(machine!.Disks[0]);
                }),
            });
            machine = assembly;
            using CancellationTokenRegistration stop = TestContext.Current.CancellationToken.Register(assembly.Machine.Stop);
            MachineExit exit = await Task.Run(assembly.Machine.Run);
            Output = string.Join('\n', lines);
            Assert.True(exit == MachineExit.PowerOff, Output);
            FileSystem = assembly.Disks[0].Device.Counters;
            Scratch = assembly.Disks[1].Device.Counters;
        }

        public ValueTask DisposeAsync()
        {
            Folder.Dispose();
            return ValueTask.CompletedTask;
        }

        private static void Grow(OpenDisk disk)
        {
            disk.Image.SetLength(LargeBytes);
            disk.Device.Resize(LargeBytes);
        }

        private static async Task MakeFileSystemAsync(string image, long bytes)
        {
            DemoDisk.CreateEmpty(image, bytes);
            (int exitCode, string complaint) = await HostTool.RunAsync("mke2fs", "-q", "-t", "ext4", image);
            Assert.True(exitCode == 0, complaint);
        }
    }
}
