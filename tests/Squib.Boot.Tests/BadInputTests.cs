using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>What cannot be used gets exit code 2 and one line that says why.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("'--frobnicate' is not an option of squib boot", "boot", "--kernel", "Image", "--frobnicate")]
    [InlineData("'more' is not a command or argument of squib boot", "boot", "--kernel", "Image", "more")]
    [InlineData("'bot' is not a command or argument of squib", "bot")]
    [InlineData("--kernel", "boot")]
    [InlineData("--kernel", "boot", "--kernel")]
    [InlineData("'1Q' is not a size", "boot", "--kernel", "Image", "--memory", "1Q")]
    [InlineData("'size' is not a key of a drive", "boot", "--kernel", "Image", "--drive", "file=a,size=1")]
    [InlineData("--drive file=a,bw=fast: bw=fast is no size", "boot", "--kernel", "Image", "--drive", "file=a,bw=fast")]
    [InlineData("--net passt,iops=0: iops=0 is no number", "boot", "--kernel", "Image", "--net", "passt,iops=0")]
    [InlineData("--rng iops=x: iops=x is no number", "boot", "--kernel", "Image", "--rng", "iops=x")]
    [InlineData("--rng rate=1: 'rate' is no key of it", "boot", "--kernel", "Image", "--rng", "rate=1")]
    [InlineData("--serial tty: this is none of", "boot", "--kernel", "Image", "--serial", "tty")]
    [InlineData("cannot both be stdio", "boot", "--kernel", "Image", "--serial", "stdio", "--console", "stdio")]
    [InlineData("windows-arm64", "demo", "--flavour", "windows-arm64")]
    [InlineData("--balloon size=1: 'size' is no key of it", "boot", "--kernel", "Image", "--balloon", "size=1")]
    [InlineData("--pmem ro: there is no file=", "boot", "--kernel", "Image", "--pmem", "ro")]
    [InlineData("--hotplug-memory size=100M: ", "boot", "--kernel", "Image", "--hotplug-memory", "size=100M")]
    [InlineData("'yes' is not a command or argument of squib boot", "boot", "--kernel", "Image", "--boot-timer", "yes")]
    [InlineData("a guest's cid is a number from 3", "boot", "--kernel", "Image", "--vsock", "cid=2,uds=vsock")]
    [InlineData("--vsock cid=3: there is no uds=PATH", "boot", "--kernel", "Image", "--vsock", "cid=3")]
    [InlineData("--ring split: 'split' is no key of it", "boot", "--kernel", "Image", "--ring", "split")]
    [InlineData("'direct' is given twice or in the wrong form", "boot", "--kernel", "Image", "--drive", "file=a,direct=on")]
    public void Words_that_the_command_does_not_know_are_refused(string expected, params string[] arguments) =>
        AssertRefused(expected, arguments);

    [Fact]
    public void A_missing_kernel_is_refused() =>
        AssertRefused("Image cannot be read: there is no such file", "boot", "--kernel", folder.File("Image"));

    [Fact]
    public void A_folder_for_a_kernel_is_refused() =>
        AssertRefused("cannot be read: it is a directory", "boot", "--kernel", folder.Path);

    [Fact]
    public void An_empty_kernel_is_refused() =>
        AssertRefused("is empty", "boot", "--kernel", folder.Write("Image", []));

    [Fact]
    public void A_kernel_that_cannot_be_read_is_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The file that nobody can read is one of Linux'.");
        AssertRefused("/proc/self/mem cannot be read", "boot", "--kernel", "/proc/self/mem");
    }

    [Fact]
    public void Another_file_for_a_kernel_is_refused_with_what_it_is()
    {
        byte[] elf = new byte[512];
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(elf);
        AssertRefused("ELF", "boot", "--kernel", folder.Write("vmlinux", elf));
        string text = folder.Write("text", "#!/bin/sh\necho hello\n"u8.ToArray());
        AssertRefused("not an arm64 Image", "boot", "--kernel", text);
    }

    [Fact]
    public void A_missing_initrd_is_refused() =>
        AssertRefused("The initrd", "boot", "--kernel", folder.WriteKernelHeader(), "--initrd", folder.File("none"));

    [Fact]
    public void An_initrd_that_does_not_fit_is_refused_with_what_is_missing()
    {
        string initrd = folder.Write("initrd", new byte[20 << 20]);
        AssertRefused(
            "MiB more are needed",
            "boot", "--kernel", folder.WriteKernelHeader(), "--initrd", initrd, "--memory", "16M");
    }

    [Theory]
    [InlineData("2M", "more are needed")]
    [InlineData("0", "multiple of 2 MiB")]
    [InlineData("3M", "multiple of 2 MiB")]
    [InlineData("8388608T", "beyond")]
    [InlineData("131072T", "The host does not give")]
    public void A_size_of_RAM_that_does_not_do_is_refused(string size, string expected)
    {
        AssertRefused(expected, "boot", "--kernel", folder.WriteKernelHeader(), "--memory", size);
    }

    [Fact]
    public void A_missing_drive_is_refused() =>
        AssertDriveRefused("disk.img does not exist", $"file={folder.File("disk.img")}");

    [Fact]
    public void A_folder_for_a_drive_is_refused() => AssertDriveRefused("is a directory", $"file={folder.Path}");

    [Fact]
    public void An_empty_drive_is_refused() =>
        AssertDriveRefused("is empty", $"file={folder.Write("disk.img", [])}");

    [Fact]
    public void A_drive_with_a_broken_sector_is_refused() =>
        AssertDriveRefused(
            "has 1000 bytes, which is not a multiple of 512", $"file={folder.Write("disk.img", new byte[1000])}");

    [Fact]
    public void A_read_only_drive_is_refused_without_ro()
    {
        string disk = folder.Write("disk.img", new byte[512]);
        File.SetAttributes(disk, FileAttributes.ReadOnly);
        AssertDriveRefused("is read-only; add ,ro", $"file={disk}");
        File.SetAttributes(disk, FileAttributes.Normal);
    }

    [Fact]
    [Trait("Case", "H21")]
    public async Task A_drive_on_a_read_only_file_system_is_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The mount is one of Linux'.");
        string mount = Directory.CreateDirectory(folder.File("mount")).FullName;
        string squib = $"{SquibProcess.DotnetHost} {Path.Combine(AppContext.BaseDirectory, "squib.dll")} boot";
        string script = $"mount -t tmpfs tmpfs {mount} && truncate -s 512 {mount}/disk && mount -o remount,ro {mount} && "
            + $"{squib} --kernel {folder.WriteKernelHeader()} --drive file={mount}/disk";
        (int exitCode, string output) = await HostTool.RunAsync("unshare", "--map-root-user", "--mount", "sh", "-c", script);
        Assert.Equal($"squib: The drive {mount}/disk cannot be written; it can only be attached read-only.\n", output);
        Assert.Equal(2, exitCode);
    }

    [Theory]
    [InlineData(FileShare.None, "")]
    [InlineData(FileShare.None, ",ro")]
    [InlineData(FileShare.Read, "")]
    public void A_drive_that_is_in_use_is_refused(FileShare held, string keys)
    {
        string disk = folder.Write("disk.img", new byte[512]);
        using SafeFileHandle other = File.OpenHandle(disk, FileMode.Open, FileAccess.Read, held);
        AssertDriveRefused("is in use by another program", $"file={disk}{keys}");
    }

    [Fact]
    public void A_file_for_metrics_that_cannot_be_written_is_refused() =>
        AssertRefused("cannot be written: it is a directory",
            "boot", "--kernel", folder.WriteKernelHeader(), "--serial", "off", "--metrics", folder.Path);

    [Fact]
    public void A_33rd_device_is_refused()
    {
        string disk = folder.Write("disk.img", new byte[512]);
        List<string> arguments = ["boot", "--kernel", folder.WriteKernelHeader(), "--rng"];
        for (int i = 0; i < 32; i++) arguments.AddRange(["--drive", $"file={disk},ro"]);
        AssertRefused("33 devices are asked for; a machine has slots for 32", [.. arguments]);
    }

    [Fact]
    public void A_file_for_the_serial_line_that_cannot_be_written_is_refused() =>
        AssertRefused("cannot be written: it is a directory",
            "boot", "--kernel", folder.WriteKernelHeader(), "--serial", $"file={folder.Path}");

    [Fact]
    public void A_Unix_socket_that_cannot_be_made_is_refused() =>
        AssertRefused(folder.File("none/vsock"),
            "boot", "--kernel", folder.WriteKernelHeader(), "--vsock", $"uds={folder.File("none/vsock")}");

    private void AssertDriveRefused(string expected, string drive) =>
        AssertRefused(expected, "boot", "--kernel", folder.WriteKernelHeader(), "--drive", drive);

    private static void AssertRefused(string expected, params string[] arguments)
    {
        (int exitCode, string output, string error) = InProcess.Run(arguments);
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        string line = Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("squib: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }
}
