using Squib.Cli.Boot;
using Squib.Cli.Demo;
using Squib.Cli.Guest;
using Squib.Machine;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>
/// Debian's drivers of the balloon, persistent memory, memory to plug, and a program that reads the boot timer.
/// </summary>
[Collection(nameof(MeasuredAlone))]
public sealed class MemoryDevicesTests(FetchedGuest guest) : IDisposable
{
    private const string Quiet = "console=ttyAMA0 cryptomgr.notests quiet";
    private const long MiB = 1 << 20;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_balloon_takes_memory_from_a_running_guest_and_the_host_has_it()
    {
        MemoryRequests requests = Run("balloon", new() { BalloonTarget = 0 }, out string result);
        Assert.StartsWith("SELFTEST balloon ok MemFree", result, StringComparison.Ordinal);
        Assert.Contains("STATS_VQ", result, StringComparison.Ordinal);
        // The driver counts pages before it hands them over, 1 MiB at a time; the last of these may be on its way.
        Assert.InRange(requests.Inflated, 63 * MiB, 64 * MiB);
        Assert.InRange(requests.ResidentFell, 32 * MiB, 256 * MiB);
    }

    [Fact]
    public void Memory_is_plugged_used_and_unplugged_while_the_guest_runs()
    {
        MemoryRequests requests = Run("mem", new() { HotplugBytes = 1024 * MiB }, out string result);
        Assert.StartsWith("SELFTEST mem ok MemTotal", result, StringComparison.Ordinal);
        Assert.Equal(256 * MiB, requests.Plugged);
    }

    [Fact]
    public void Persistent_memory_keeps_what_was_flushed_over_a_second_boot()
    {
        string file = folder.File("pmem.img");
        DemoDisk.CreateEmpty(file, 16 * MiB);
        MemoryDeviceOptions options = new() { PmemFiles = [new(file, ReadOnly: false, Private: false)] };
        Run("pmem", options, out string first);
        Assert.StartsWith("SELFTEST pmem ok", first, StringComparison.Ordinal);
        Assert.DoesNotContain("earlier boot", first, StringComparison.Ordinal);
        Assert.Null(DemoDisk.FindWrongSector(file, (16 * MiB / DemoDisk.SectorBytes) - DemoDisk.PatternSectors));
        Run("pmem", options, out string second);
        Assert.Contains("the pattern of an earlier boot found", second, StringComparison.Ordinal);
        options = new() { PmemFiles = [new(file, ReadOnly: true, Private: false)] };
        Run("pmem", options, out string third);
        Assert.StartsWith("SELFTEST pmem ok", third, StringComparison.Ordinal);
        Assert.Null(DemoDisk.FindWrongSector(file, (16 * MiB / DemoDisk.SectorBytes) - DemoDisk.PatternSectors));
    }

    [Fact]
    public void The_boot_timer_is_read_by_a_program()
    {
        Run("boot-timer", new() { BootTimer = true }, out string result);
        Assert.StartsWith("SELFTEST boot-timer ok slot 0xf000000 id 0xFFFFFF00", result, StringComparison.Ordinal);
    }

    private MemoryRequests Run(string test, MemoryDeviceOptions options, out string result)
    {
        (string kernel, string initrd) = guest.Get(GuestFlavour.Cloud);
        List<string> lines = [];
        MemoryRequests? requests = null;
        using MachineAssembly assembly = MachineAssembly.Build(new()
        {
            Kernel = BootRun.LoadKernel(kernel),
            Initrd = File.ReadAllBytes(initrd),
            CommandLine = $"{Quiet} st.only={test} st.live=1 st.pmem_keep=1",
            MemoryDevices = options,
            SerialOutput = new GuestLines(Stream.Null, line =>
            {
                lines.Add(line);
                requests!.Look(line);
            }),
        });
        requests = new(assembly.MemoryDevices.Balloon, assembly.MemoryDevices.Mem);
        using CancellationTokenRegistration stop =
            TestContext.Current.CancellationToken.Register(assembly.Machine.Stop);
        MachineExit exit = assembly.Machine.Run();
        Assert.True(exit == MachineExit.PowerOff, string.Join('\n', lines));
        result = lines.Single(line => line.StartsWith("SELFTEST ", StringComparison.Ordinal) && line != lines[^1]
            && !line.StartsWith("SELFTEST DONE", StringComparison.Ordinal));
        return requests;
    }
}
