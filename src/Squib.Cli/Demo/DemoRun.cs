using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Squib.Cli.Boot;
using Squib.Cli.Guest;
using Squib.Machine;
using Squib.Virtio.Host;
using Squib.Virtio.Transport;

namespace Squib.Cli.Demo;

/// <summary>One run of <c>squib demo</c>.</summary>
internal sealed class DemoRun
{
    private const string CommandLine = "console=ttyAMA0 cryptomgr.notests quiet st.hvc_echo=1 st.live=10 st.pmem_keep=1";
    private const string ScratchSerial = "scratch";
    private const string ReadOnlySerial = "readonly";
    private const long ScratchBytes = 64 << 20;
    private const long ReadOnlyBytes = 16 << 20;
    private const long PmemBytes = 32 << 20;
    private const long HotplugBytes = 1 << 30;

    // A guest that hangs shall not keep the command from its verdict; the slowest host needs a tenth of this.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly TransportOptions transport;
    private readonly HostStreams streams;
    private readonly List<SelfTestLine> results = [];
    private TimeSpan? userSpace;
    private LiveChanges? live;
    private volatile bool interrupted;

    private DemoRun(TransportOptions transport, HostStreams streams) => (this.transport, this.streams) = (transport, streams);

    /// <summary>Fetches the guest where needed, boots it and judges what it did.</summary>
    /// <param name="flavour">Which kernel.</param>
    /// <param name="transport">What the transports of all devices offer.</param>
    /// <param name="streams">What to write to.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    /// <exception cref="UserErrorException">The guest cannot be fetched.</exception>
    public static int Execute(GuestFlavour flavour, TransportOptions transport, HostStreams streams)
    {
        ProgressLine progress = new(streams.Error, streams.ErrorIsTerminal);
        CachedGuest guest = new GuestCache(GuestCache.DefaultFolder, progress).Get(flavour);
        DirectoryInfo work = Directory.CreateTempSubdirectory("squib-demo-");
        try
        {
            return new DemoRun(transport, streams).Execute(guest, work.FullName);
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private int Execute(CachedGuest guest, string work)
    {
        string scratch = Path.Combine(work, "scratch.img");
        string readOnly = Path.Combine(work, "readonly.img");
        string pmem = Path.Combine(work, "pmem.img");
        DemoDisk.CreateEmpty(scratch, ScratchBytes);
        DemoDisk.CreateEmpty(pmem, PmemBytes);
        string sum = DemoDisk.CreateRandom(readOnly, ReadOnlyBytes);
        AnsweringConsole console = new();
        using DemoDownload? download = Passt.IsInstalled ? new() : null;
        MachinePlan plan = new()
        {
            Kernel = BootRun.LoadKernel(guest.KernelPath),
            Initrd = Initramfs.Build(guest),
            Drives =
            [
                new() { Path = scratch, Serial = ScratchSerial },
                new() { Path = readOnly, Serial = ReadOnlySerial, ReadOnly = true },
            ],
            NetCards = download is null ? [] : [new() { Kind = NetKind.Passt }],
            Vsock = new() { Cid = 3 },
            ConsoleOutput = console.FromGuest,
            ConsolePorts = 2,
            Rng = true,
            Transport = transport,
            MemoryDevices = new()
            {
                BalloonTarget = 0,
                PmemFiles = [new(pmem, ReadOnly: false, Private: false)],
                HotplugBytes = HotplugBytes,
                BootTimer = true,
            },
        };
        string url = download is null ? "" : $" st.url=http://gateway:{download.Port}/";
        plan = plan with
        {
            CommandLine = $"{CommandLine}{url}",
            SerialOutput = new GuestLines(new ScreenStream(streams.Output), Look),
        };
        MachineExit exit;
        string speed;
        using (MachineAssembly assembly = MachineAssembly.Build(plan))
        {
            console.Console = assembly.Console;
            live = new(assembly);
            Stopwatch clock = Stopwatch.StartNew();
            exit = Run(assembly);
            speed = Describe(assembly.Machine.Instructions, clock.Elapsed);
        }

        if (interrupted) return ExitCode.Failed;
        DemoVerdict verdict = new(results, transport);
        List<DemoRow> rows =
        [
            verdict.JudgeScratch(ScratchSerial, scratch, (ScratchBytes / DemoDisk.SectorBytes) - DemoDisk.PatternSectors),
            verdict.JudgeReadOnly(ReadOnlySerial, sum),
            verdict.Judge("vsock"),
            verdict.JudgeBalloon(live!.ResidentBefore, live.ResidentInflated),
            verdict.Judge("rng"),
            verdict.Judge("console"),
            verdict.JudgePmem(pmem, (PmemBytes / DemoDisk.SectorBytes) - DemoDisk.PatternSectors),
            verdict.Judge("mem"),
            verdict.JudgeTimer(),
        ];
        if (download is not null) rows.Insert(2, verdict.JudgeDownload(download.Sum));
        int code = Show(rows, exit, speed);
        if (download is null) streams.Error.WriteLine("net was left out: install Debian's package passt to see it.");
        return code;
    }

    private MachineExit Run(MachineAssembly assembly)
    {
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            interrupted = true;
            assembly.Machine.Stop();
        });
        using ITimer watchdog = TimeProvider.System.CreateTimer(
            _ => assembly.Machine.Stop(), null, Patience, Timeout.InfiniteTimeSpan);
        return assembly.Machine.Run();
    }

    private void Look(string line)
    {
        if (line.StartsWith("INIT ", StringComparison.Ordinal)) userSpace ??= SinceProcessStart();
        if (SelfTestLine.Parse(line) is { } result) results.Add(result);
        live?.React(line);
    }

    private int Show(List<DemoRow> rows, MachineExit exit, string speed)
    {
        using StreamWriter output = new(streams.Output, leaveOpen: true);
        output.WriteLine();
        output.WriteLine();
        output.Write(DemoTable.Format(rows));
        output.WriteLine();
        bool ok = rows.All(row => row.Ok) && exit == MachineExit.PowerOff;
        string end = exit switch
        {
            MachineExit.PowerOff => "the guest powered off",
            MachineExit.Panic => "the guest's kernel panicked",
            MachineExit.Stopped => $"the guest was stopped after {Patience.TotalMinutes} minutes",
            _ => "the guest restarted",
        };
        output.WriteLine($"{rows.Count(row => row.Ok)} of {rows.Count} devices ok; {end}. {speed}");
        return ok ? ExitCode.Success : ExitCode.Failed;
    }

    private string Describe(long instructions, TimeSpan elapsed) => string.Create(CultureInfo.InvariantCulture,
        $"{instructions / 1e6:0} million instructions, {instructions / 1e6 / elapsed.TotalSeconds:0} million/s; "
        + $"user space after {userSpace?.TotalSeconds ?? double.NaN:0.0} s, end after {SinceProcessStart().TotalSeconds:0.0} s.");

    private static TimeSpan SinceProcessStart()
    {
        using Process self = Process.GetCurrentProcess();
        return DateTime.Now - self.StartTime;
    }
}
