using System.Diagnostics;
using Squib.Cli.Guest;
using Xunit;

namespace Squib.Boot.Tests.Guest;

/// <summary>Fetching the guest, in processes whose PATH and cache are the test's.</summary>
public sealed class GuestCacheTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("demo")]
    [InlineData("guest")]
    public async Task Without_apt_get_it_is_said_so_and_how_to_boot_by_hand(string command)
    {
        string[] arguments = command == "guest" ? [command, folder.File("out")] : [command];
        using SquibProcess squib = new(Environment(path: folder.File("empty")), arguments);
        (int exitCode, string output, string error) = await squib.WaitAsync();
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        string line = Assert.Single(Complaints(error));
        Assert.Contains("There is no program 'apt-get' here", line, StringComparison.Ordinal);
        Assert.Contains("squib boot --kernel IMAGE --initrd FILE", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_network_the_complaint_of_apt_get_is_shown()
    {
        WriteTool("apt-get", "echo 'W: Failed to fetch the lists  Could not resolve host' >&2");
        WriteTool("apt-cache", "echo 'E: No packages found' >&2; exit 100");
        using SquibProcess squib = new(Environment(path: folder.Path), "demo");
        (int exitCode, _, string error) = await squib.WaitAsync();
        Assert.Equal(2, exitCode);
        string line = Assert.Single(Complaints(error));
        Assert.Contains("does not reach the package sources of this host (Failed", line, StringComparison.Ordinal);
        Assert.Contains("squib boot --kernel IMAGE", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_that_cannot_be_written_is_named()
    {
        string file = folder.Write("file", [1]);
        Dictionary<string, string> environment = Environment(path: folder.Path);
        environment["XDG_CACHE_HOME"] = file;
        using SquibProcess squib = new(environment, "demo");
        (int exitCode, string output, string error) = await squib.WaitAsync();
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        string line = Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith($"squib: The guest cannot be kept in {file}", line, StringComparison.Ordinal);
        Assert.Contains("squib boot --kernel IMAGE", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_without_room_is_told_before_anything_is_fetched()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The small disk is one of Linux'.");
        string squib = $"{SquibProcess.DotnetHost} {Path.Combine(AppContext.BaseDirectory, "squib.dll")} demo";
        string script = $"mount -t tmpfs -o size=8m tmpfs {folder.Path} && XDG_CACHE_HOME={folder.Path} {squib}";
        (int exitCode, string output) = await HostTool.RunAsync("unshare", "--map-root-user", "--mount", "sh", "-c", script);
        Assert.Equal(2, exitCode);
        string line = Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Matches(@"^squib: The guest cannot be fetched: .* has room for [78] MiB, and 160 MiB are needed", line);
    }

    [Fact]
    public async Task An_interrupt_during_the_download_leaves_nothing_that_looks_like_a_guest()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals.");
        string started = folder.File("started");
        WriteTool("apt-get",
            $"case $* in *download*) echo half >kernel_1_arm64.deb; echo $$ >{started}; exec /bin/sleep 600;; esac");
        WriteTool("apt-cache", "echo '  Depends: linux-image-6.1.0-1-cloud-arm64'");
        using FileSystemWatcher watcher = new(folder.Path, "started");
        TaskCompletionSource downloading = new();
        watcher.Changed += (_, _) => downloading.TrySetResult();
        watcher.EnableRaisingEvents = true;
        using SquibProcess squib = new(SquibProcess.WithSignals, Environment(path: folder.Path), "demo");
        await downloading.Task.WaitAsync(TestContext.Current.CancellationToken);
        using (Process kill = Process.Start("/bin/kill", ["-INT", $"{squib.Id}"]))
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        (int exitCode, _, _) = await squib.WaitAsync();
        Assert.NotEqual(0, exitCode);
        Assert.False(Directory.Exists(folder.File("squib/guests/cloud-arm64")));
    }

    [Fact]
    public void A_guest_with_a_missing_or_shortened_file_is_not_complete()
    {
        CachedGuest guest = new(folder.Path);
        Directory.CreateDirectory(guest.ModulesFolder);
        File.WriteAllText(guest.KernelPath, "kernel");
        File.WriteAllText(guest.BusyboxPath, "busybox");
        File.WriteAllText(guest.SocatPath, "socat");
        Assert.False(guest.IsComplete());
        guest.WriteManifest(["linux-image_1_arm64.deb"]);
        Assert.True(guest.IsComplete());
        File.WriteAllText(guest.KernelPath, "kern");
        Assert.False(guest.IsComplete());
        File.Delete(guest.KernelPath);
        Assert.False(guest.IsComplete());
    }

    [Fact]
    public void A_guest_that_an_earlier_squib_fetched_without_socat_is_not_complete()
    {
        CachedGuest guest = new(folder.Path);
        File.WriteAllText(guest.KernelPath, "kernel");
        guest.WriteManifest(["linux-image_1_arm64.deb"]);
        Assert.False(guest.IsComplete());
    }

    private static string[] Complaints(string error) =>
        [.. error.Split('\n').Where(line => line.StartsWith("squib: The guest", StringComparison.Ordinal))];

    private Dictionary<string, string> Environment(string path) => new()
    {
        ["PATH"] = path,
        ["XDG_CACHE_HOME"] = folder.Path,
    };

    private void WriteTool(string name, string script)
    {
        string path = folder.Write(name, System.Text.Encoding.UTF8.GetBytes($"#!/bin/sh\n{script}\n"));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
