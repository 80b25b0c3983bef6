using Squib.Cli.Demo;
using Squib.Cli.Guest;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>Boots of Debian's kernels by <c>squib boot</c>.</summary>
public sealed class BootTests(FetchedGuest guest) : IDisposable
{
    private const string Quiet = "console=ttyAMA0 cryptomgr.notests quiet";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_file_system_made_by_the_host_is_written_by_the_guest_and_stays_clean()
    {
        string disk = folder.File("ext4.img");
        DemoDisk.CreateEmpty(disk, 64 << 20);
        (int made, string complaint) = await HostTool.RunAsync("mke2fs", "-q", "-t", "ext4", disk);
        Assert.True(made == 0, complaint);

        (int exitCode, string output, string error) =
            Boot(GuestFlavour.Cloud, "st.only=none st.ext4=vda", "--drive", $"file={disk}");
        Assert.True(exitCode == 0, error + output);
        Assert.Contains("SELFTEST ext4 ok vda: mounted", output, StringComparison.Ordinal);

        (int checkedWith, string report) = await HostTool.RunAsync("e2fsck", "-fn", disk);
        Assert.True(checkedWith == 0, report);
        (_, string file) = await HostTool.RunAsync("debugfs", "-R", "cat /squib/7", disk);
        Assert.Contains("file 7", file, StringComparison.Ordinal);
    }

    [Fact]
    public void The_kernel_for_every_arm64_computer_boots_with_its_own_modules()
    {
        string disk = folder.File("scratch.img");
        DemoDisk.CreateEmpty(disk, 16 << 20);
        (int exitCode, string output, string error) =
            Boot(GuestFlavour.Generic, "", "--drive", $"file={disk},serial=scratch", "--rng", "--console", "off");
        Assert.True(exitCode == 0, error + output);
        Assert.DoesNotContain("-cloud-arm64", output, StringComparison.Ordinal);
        Assert.Contains("SELFTEST block ok vda serial=scratch", output, StringComparison.Ordinal);
        Assert.Contains("SELFTEST rng ok", output, StringComparison.Ordinal);
        Assert.Contains("SELFTEST net absent", output, StringComparison.Ordinal);
        Assert.Null(DemoDisk.FindWrongSector(disk, (16 << 20) / DemoDisk.SectorBytes - DemoDisk.PatternSectors));
    }

    [Fact]
    public void A_panic_of_the_kernel_is_exit_code_3()
    {
        (int exitCode, string output, string error) = Boot(GuestFlavour.Cloud, "st.only=none st.end=panic");
        Assert.Equal(3, exitCode);
        Assert.Contains("Kernel panic - not syncing", output, StringComparison.Ordinal);
        Assert.Equal("squib: the guest's kernel panicked.\n", error.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_restart_ends_the_run_like_a_power_off()
    {
        (int exitCode, _, string error) = Boot(GuestFlavour.Cloud, "st.only=none st.end=reboot");
        Assert.Equal(0, exitCode);
        Assert.Empty(error);
    }

    [Fact]
    public void Keys_reach_a_shell_on_the_serial_line_and_Ctrl_A_x_ends_the_run()
    {
        using Conversation conversation = new(
            ("SELFTEST DONE", "echo typed-$((6 * 7))\n"),
            ("typed-42", "\u0001x"));
        using StringWriter error = new();
        (string kernel, string initrd) = guest.Get(GuestFlavour.Cloud);
        string append = $"{Quiet} st.only=none st.shell=ttyAMA0";
        int exitCode = InProcess.RunInTime(
            ["boot", "--kernel", kernel, "--initrd", initrd, "--append", append],
            new() { Input = conversation.Keyboard, Output = conversation.Screen, Error = error });
        Assert.Equal(0, exitCode);
        Assert.Contains("typed-42", conversation.Output, StringComparison.Ordinal);
        Assert.Empty(error.ToString());
    }

    [Fact]
    public void The_same_guest_can_be_spoken_to_over_the_virtio_console()
    {
        using Conversation conversation = new(("# ", "echo typed-$((6 * 7))\n"), ("typed-42", "\u0001x"));
        using StringWriter error = new();
        (string kernel, string initrd) = guest.Get(GuestFlavour.Cloud);
        string append = $"{Quiet} st.only=console st.shell=hvc0";
        string log = folder.File("serial.log");
        int exitCode = InProcess.RunInTime(
            [
                "boot", "--kernel", kernel, "--initrd", initrd, "--append", append,
                "--console", "stdio", "--serial", $"file={log}",
            ],
            new() { Input = conversation.Keyboard, Output = conversation.Screen, Error = error });
        Assert.Equal(0, exitCode);
        Assert.Contains("typed-42", conversation.Output, StringComparison.Ordinal);
        Assert.Contains("SELFTEST console ok", File.ReadAllText(log), StringComparison.Ordinal);
    }

    [Fact]
    public void Statistics_tell_instructions_exits_and_each_device()
    {
        string disk = folder.File("disk.img");
        DemoDisk.CreateEmpty(disk, 1 << 20);
        (int exitCode, _, string error) =
            Boot(GuestFlavour.Cloud, "st.only=block", "--drive", $"file={disk}", "--rng", "--stats");
        Assert.Equal(0, exitCode);
        Assert.Matches(@"instructions \d+, [\d.]+ million/s in [\d.]+ s", error);
        Assert.Matches(@"MMIO exits \d+", error);
        Assert.Matches(
            @"block 0: notifications [1-9]\d*, requests [1-9]\d*, bytes [1-9]\d*, interrupts [1-9]\d*", error);
        Assert.Matches(@"rng: notifications \d+, requests \d+, bytes \d+, interrupts \d+", error);
    }

    [Fact]
    public void A_limited_machine_boots_and_leaves_its_measurements()
    {
        string disk = folder.File("disk.img");
        string metrics = folder.File("squib.prom");
        DemoDisk.CreateEmpty(disk, 1 << 20);
        (int exitCode, string output, string error) = Boot(
            GuestFlavour.Cloud, "st.only=block,rng",
            "--drive", $"file={disk},bw=4M,iops=10", "--rng", "bw=64K,iops=200", "--metrics", metrics);
        Assert.True(exitCode == 0, error + output);
        Assert.Contains("SELFTEST block ok", output, StringComparison.Ordinal);
        string text = File.ReadAllText(metrics);
        Assert.Matches("squib_virtio_bytes_total{device=\"block\",name=\"block 0\",direction=\"from_guest\"} [1-9]", text);
        Assert.Matches("squib_virtio_throttled_total{device=\"block\",name=\"block 0\",direction=\"both\"} [1-9]", text);
        Assert.Matches(
            "squib_virtio_request_duration_seconds_count{device=\"block\",name=\"block 0\",operation=\"write\"} [1-9]", text);
    }

    private (int ExitCode, string Output, string Error) Boot(
        GuestFlavour flavour, string guestOptions, params string[] arguments)
    {
        (string kernel, string initrd) = guest.Get(flavour);
        return InProcess.Run(
            ["boot", "--kernel", kernel, "--initrd", initrd, "--append", $"{Quiet} {guestOptions}", .. arguments]);
    }
}
