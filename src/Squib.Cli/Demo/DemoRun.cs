using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Squib.Cli.Boot;
using Squib.Cli.Guest;
using Squib.Machine;
using Squib.Virtio.Host;
using Squib.Virtio.Transport;
using ArmMachine = Squib.Machine.Machine;

namespace Squib.Cli.Demo;

/// <summary>One run of <c>squib demo</c>.</summary>
internal sealed class DemoRun
{
    private const string KernelOptions = "console=ttyAMA0 cryptomgr.notests quiet";
    private const string SecondCommandLine = $"{KernelOptions} st.only=pmem st.pmem_read=1";
    private const long SecondMemoryBytes = 256 << 20;
    private const string ScratchSerial = "scratch";
    private const string ReadOnlySerial = "readonly";
    private const long ScratchBytes = 64 << 20;
    private const long ReadOnlyBytes = 16 << 20;
    private const long PmemBytes = 32 << 20;
    private const long HotplugBytes = 1 << 30;

    private static readonly string CommandLine =
        $"{KernelOptions} st.hvc_echo=1 st.live=10 st.pmem_keep=1 st.vsock={SocketTransfer.GuestPort}";

    // A guest that hangs shall not keep the command from its verdict; the slowest host needs a tenth of this.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly TransportOptions transport;
    private readonly HostStreams streams;
    private readonly CachedGuest guest;
    private string scratch = "";
    private string readOnly = "";
    private string pmem = "";
    private TimeSpan? userSpace;
    private TimeSpan ran;
    private long instructions;
    private volatile ArmMachine? running;
    private volatile int interruption;

    private DemoRun(CachedGuest guest, TransportOptions transport, HostStreams streams)
    {
        this.transport = transport;
        this.guest = guest;
        this.streams = streams;
    }

    /// <summary>Fetches the guest where needed, boots it and judges what it did.</summary>
    /// <param name="flavour">Which kernel.</param>
    /// <param name="net">What the network card is connected to; null: whatever there is.</param>
    /// <param name="transport">What the transports of all devices offer.</param>
    /// <param name="streams">What to write to.</param>
    /// <returns>An <see cref="ExitCode"/>, or 128 plus the number of the signal that ended the run.</returns>
    /// <exception cref="UserErrorException">The guest cannot be fetched, or there is no room for the demo's files.</exception>
    public static int Execute(GuestFlavour flavour, DemoNetKind? net, TransportOptions transport, HostStreams streams)
    {
        ProgressLine progress = new(streams.Error, streams.ErrorIsTerminal);
        CachedGuest guest = new GuestCache(GuestCache.DefaultFolder, progress).Get(flavour);
        return new DemoRun(guest, transport, streams).Execute(net);
    }

    private int Execute(DemoNetKind? net)
    {
        // Before the first file is there: whoever is interrupted clears them away.
        using PosixSignalRegistration interrupt = StopAt(PosixSignal.SIGINT, ExitCode.Interrupted);
        using PosixSignalRegistration terminate = StopAt(PosixSignal.SIGTERM, ExitCode.Terminated);
        try
        {
            DirectoryInfo work = Directory.CreateTempSubdirectory("squib-demo-");
            try
            {
                return ExecuteIn(work.FullName, net);
            }
            finally
            {
                work.Delete(recursive: true);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"The demo's disks cannot be kept in {Path.GetTempPath()}: {error.Message}", error);
        }
    }

    private int ExecuteIn(string work, DemoNetKind? net)
    {
        scratch = Path.Combine(work, "scratch.img");
        readOnly = Path.Combine(work, "readonly.img");
        pmem = Path.Combine(work, "pmem.img");
        DemoDisk.CreateEmpty(scratch, ScratchBytes);
        DemoDisk.CreateEmpty(pmem, PmemBytes);
        string sum = DemoDisk.CreateRandom(readOnly, ReadOnlyBytes);
        using DemoNetwork network = DemoNetwork.Open(net);
        ScreenStream screen = new(streams.Output) { Closed = () => Stop(ExitCode.Failed) };
        (MachineExit exit, LiveChanges live, IReadOnlyList<SelfTestLine> results) = Boot(screen, network);
        IReadOnlyList<SelfTestLine> again = exit == MachineExit.PowerOff && interruption == 0 ? BootAgain(screen) : [];
        if (interruption != 0)
        {
            if (interruption != ExitCode.Failed) streams.Error.WriteLine("squib: the demo was interrupted.");
            return interruption;
        }

        DemoVerdict verdict = new(results, transport);
        List<DemoRow> rows =
        [
            verdict.JudgeScratch(ScratchSerial, scratch, (ScratchBytes / DemoDisk.SectorBytes) - DemoDisk.PatternSectors),
            verdict.JudgeReadOnly(ReadOnlySerial, sum),
            verdict.JudgeDownload(network.Sum, network.Label),
            verdict.JudgeSockets(live.Sockets, live.SocketSum),
            verdict.JudgeBalloon(live.ResidentBefore, live.ResidentInflated),
            verdict.Judge("rng"),
            verdict.Judge("console"),
            verdict.JudgePmem(pmem, (PmemBytes / DemoDisk.SectorBytes) - DemoDisk.PatternSectors, again),
            verdict.Judge("mem"),
            verdict.JudgeTimer(),
        ];
        return Show(rows, exit);
    }

    /// <summary>The boot in which the guest's drivers test all devices.</summary>
    private (MachineExit Exit, LiveChanges Live, IReadOnlyList<SelfTestLine> Results) Boot(Stream screen, DemoNetwork network)
    {
        AnsweringConsole console = new();
        List<SelfTestLine> results = [];
        LiveChanges? live = null;
        using MachineAssembly assembly = MachineAssembly.Build(new()
        {
            Kernel = BootRun.LoadKernel(guest.KernelPath),
            Initrd = Initramfs.Build(guest),
            CommandLine = $"{CommandLine} st.url={network.Url}",
            Drives =
            [
                new() { Path = scratch, Serial = ScratchSerial },
                new() { Path = readOnly, Serial = ReadOnlySerial, ReadOnly = true },
            ],
            NetCards = [network.Card],
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
            SerialOutput = new GuestLines(screen, line =>
            {
                if (line.StartsWith("INIT ", StringComparison.Ordinal)) userSpace ??= SinceProcessStart();
                Note(line, results);
                live?.React(line);
            }),
        });
        console.Console = assembly.Console;
        using SocketTransfer sockets = new(assembly.Vsock!);
        live = new(assembly, sockets);
        MachineExit exit = Run(assembly);
        live.Finish();
        return (exit, live, results);
    }

    /// <summary>The boot of another machine in which the guest reads what it wrote to persistent memory in the first.</summary>
    private List<SelfTestLine> BootAgain(Stream screen)
    {
        List<SelfTestLine> results = [];
        using MachineAssembly assembly = MachineAssembly.Build(new()
        {
            Kernel = BootRun.LoadKernel(guest.KernelPath),
            Initrd = Initramfs.Build(guest),
            CommandLine = SecondCommandLine,
            MemoryBytes = SecondMemoryBytes,
            Transport = transport,
            MemoryDevices = new() { PmemFiles = [new(pmem, ReadOnly: false, Private: false)] },
            SerialOutput = new GuestLines(screen, line => Note(line, results)),
        });
        Run(assembly);
        return results;
    }

    private MachineExit Run(MachineAssembly assembly)
    {
        Stopwatch clock = Stopwatch.StartNew();
        using ITimer watchdog = TimeProvider.System.CreateTimer(
            _ => assembly.Machine.Stop(), null, Patience, Timeout.InfiniteTimeSpan);
        running = assembly.Machine;
        // Whoever interrupted before there was a machine to stop is heard here.
        if (interruption != 0) assembly.Machine.Stop();
        MachineExit exit = assembly.Machine.Run();
        running = null;
        ran += clock.Elapsed;
        instructions += assembly.Machine.Instructions;
        return exit;
    }

    private void Stop(int exitCode)
    {
        interruption = exitCode;
        running?.Stop();
    }

    private PosixSignalRegistration StopAt(PosixSignal signal, int exitCode) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            Stop(exitCode);
        });

    private static void Note(string line, List<SelfTestLine> results)
    {
        if (SelfTestLine.Parse(line) is { } result) results.Add(result);
    }

    private int Show(List<DemoRow> rows, MachineExit exit)
    {
        using StreamWriter output = new(streams.Output, leaveOpen: true);
        output.WriteLine();
        output.WriteLine();
        output.Write(DemoTable.Format(rows, Columns));
        output.WriteLine();
        bool ok = rows.All(row => row.Ok) && exit == MachineExit.PowerOff;
        string end = exit switch
        {
            MachineExit.PowerOff => "the guest powered off",
            MachineExit.Panic => "the guest's kernel panicked",
            MachineExit.Stopped => $"the guest was stopped after {Patience.TotalMinutes} minutes",
            _ => "the guest restarted",
        };
        output.WriteLine($"{rows.Count(row => row.Ok)} of {rows.Count} devices ok; {end}. {Describe()}");
        if (!ok)
        {
            output.Flush();
            streams.Error.WriteLine("squib: something failed; the guest's own lines above say more. Please report it with all of this output.");
        }

        return ok ? ExitCode.Success : ExitCode.Failed;
    }

    private static int Columns =>
        int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), NumberStyles.None, CultureInfo.InvariantCulture, out int columns)
            ? columns
            : TerminalSize.TryGet(out ushort width, out _) ? width : DemoTable.MaxColumns;

    private string Describe() => string.Create(CultureInfo.InvariantCulture,
        $"{instructions / 1e6:0} million instructions, {instructions / 1e6 / ran.TotalSeconds:0} million/s; "
        + $"user space after {userSpace?.TotalSeconds ?? double.NaN:0.0} s, end after {SinceProcessStart().TotalSeconds:0.0} s.");

    private static TimeSpan SinceProcessStart()
    {
        using Process self = Process.GetCurrentProcess();
        return DateTime.Now - self.StartTime;
    }
}
