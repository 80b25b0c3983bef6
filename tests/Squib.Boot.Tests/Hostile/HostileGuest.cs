using System.Security.Cryptography;
using Squib.Cli;
using Squib.Cli.Boot;
using Squib.Cli.Demo;
using Squib.Cli.Guest;
using Squib.Machine;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Boot.Tests.Hostile;

/// <summary>
/// One run of the guest of <c>guest/hostile</c>: a stock kernel whose only program attacks the devices, while the
/// kernel's own driver works with a disk beside them.
/// </summary>
public sealed class HostileGuest : IAsyncLifetime
{
    private const long MiB = 1 << 20;

    /// <summary>The kernel uses this much of the memory; the rings that the program makes lie behind it.</summary>
    private const string CommandLine = "console=ttyAMA0 cryptomgr.notests quiet mem=384M";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly TemporaryFolder folder = new();
    private readonly List<string> lines = [];

    /// <summary>What the guest has printed.</summary>
    public IReadOnlyList<string> Lines => lines;

    /// <summary>All of it, for the message of a failed test.</summary>
    public string Output => string.Join('\n', lines);

    public MachineExit Exit { get; private set; }

    public string BystanderImage => folder.File("bystander.img");

    /// <summary>The image of a disk under attack, named as the guest names it.</summary>
    public string ImageOf(string device) => folder.File(device + ".img");

    public async ValueTask InitializeAsync()
    {
        HostTool.Require("apt-get");
        HostTool.Require("dpkg-deb");
        CachedGuest guest = new GuestCache(GuestCache.DefaultFolder, new ProgressLine(TextWriter.Null, false)).Get(GuestFlavour.Cloud);
        DemoDisk.CreateEmpty(BystanderImage, MiB);
        string pmem = folder.Write("pmem.img", RandomNumberGenerator.GetBytes(16 << 20));
        using MachineAssembly assembly = MachineAssembly.Build(new()
        {
            Kernel = BootRun.LoadKernel(guest.KernelPath),
            Initrd = BuildInitramfs(guest),
            CommandLine = CommandLine,
            Drives = [DriveOptions.Parse($"file={BystanderImage}")],
            Rng = true,
            MemoryDevices = new()
            {
                PmemFiles = [new(pmem, ReadOnly: true, Private: false)],
                HotplugBytes = 128 * MiB,
                HotplugRequested = 32 * MiB,
            },
            SerialOutput = new GuestLines(Stream.Null, Keep),
        });
        await using FileBlockBackend inline = OpenVictim("block-inline");
        await using FileBlockBackend pooled = OpenVictim("block-pooled");
        assembly.Machine.Attach(new BlockDevice(inline), new() { RingPacked = true });
        assembly.Machine.Attach(new BlockDevice(pooled), new() { RingPacked = true, Scheduling = DeviceScheduling.Pooled });

        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        using CancellationTokenRegistration stop = patience.Token.Register(assembly.Machine.Stop);
        Exit = await Task.Run(assembly.Machine.Run, CancellationToken.None);
    }

    public ValueTask DisposeAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Keep(string line)
    {
        lines.Add(line);
        TestContext.Current.SendDiagnosticMessage(line);
    }

    private static byte[] BuildInitramfs(CachedGuest guest)
    {
        CpioArchive archive = new();
        foreach (string name in (string[])["bin", "dev", "lib", "lib/modules", "proc", "sys"]) archive.AddFolder(name);
        archive.AddFile("bin/busybox", File.ReadAllBytes(guest.BusyboxPath), executable: true);
        foreach (string path in Directory.GetFiles(guest.ModulesFolder).Order(StringComparer.Ordinal))
            archive.AddFile("lib/modules/" + Path.GetFileName(path), File.ReadAllBytes(path));
        GuestPython.AddTo(archive);
        string scripts = Path.Combine(AppContext.BaseDirectory, "guest", "hostile");
        foreach (string path in Directory.GetFiles(scripts, "*.py").Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(path);
            archive.AddFile(name == "init.py" ? "init" : name, File.ReadAllBytes(path), executable: true);
        }

        return archive.Finish();
    }

    /// <summary>A disk of 2048 sectors each of which tells its number.</summary>
    private FileBlockBackend OpenVictim(string name)
    {
        byte[] content = [.. Enumerable.Range(0, HostileGuestTests.VictimSectors).SelectMany(sector => DemoDisk.ExpectedSector(sector))];
        return HostFile.OpenImage(DriveOptions.Parse($"file={folder.Write(name + ".img", content)}"));
    }
}
