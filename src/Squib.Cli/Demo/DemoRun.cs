using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Squib.Cli.Boot;
using Squib.Cli.Guest;
using Squib.Machine;

namespace Squib.Cli.Demo;

/// <summary>One run of <c>squib demo</c>.</summary>
internal sealed class DemoRun
{
    private const string CommandLine = "console=ttyAMA0 cryptomgr.notests quiet st.hvc_echo=1";
    private const string ScratchSerial = "scratch";
    private const string ReadOnlySerial = "readonly";
    private const long ScratchBytes = 64 << 20;
    private const long ReadOnlyBytes = 16 << 20;

    // A guest that hangs shall not keep the command from its verdict; the slowest host needs a tenth of this.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly HostStreams streams;
    private readonly List<SelfTestLine> results = [];
    private TimeSpan? userSpace;
    private volatile bool interrupted;

    private DemoRun(HostStreams streams) => this.streams = streams;

    /// <summary>Fetches the guest where needed, boots it and judges what it did.</summary>
    /// <param name="flavour">Which kernel.</param>
    /// <param name="streams">What to write to.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    /// <exception cref="UserErrorException">The guest cannot be fetched.</exception>
    public static int Execute(GuestFlavour flavour, HostStreams streams)
    {
        ProgressLine progress = new(streams.Error, streams.ErrorIsTerminal);
        CachedGuest guest = new GuestCache(GuestCache.DefaultFolder, progress).Get(flavour);
        DirectoryInfo work = Directory.CreateTempSubdirectory("squib-demo-");
        try
        {
            return new DemoRun(streams).Execute(guest, work.FullName);
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
        DemoDisk.CreateEmpty(scratch, ScratchBytes);
        string sum = DemoDisk.CreateRandom(readOnly, ReadOnlyBytes);
        AnsweringConsole console = new();
        MachineExit exit;
        string speed;
        using (MachineAssembly assembly = MachineAssembly.Build(new()
        {
            Kernel = BootRun.LoadKernel(guest.KernelPath),
            Initrd = Initramfs.Build(guest),
            CommandLine = CommandLine,
            Drives =
            [
                new() { Path = scratch, Serial = ScratchSerial },
                new() { Path = readOnly, Serial = ReadOnlySerial, ReadOnly = true },
            ],
            ConsoleOutput = console.FromGuest,
            Rng = true,
            SerialOutput = new GuestLines(new ScreenStream(streams.Output), Look),
        }))
        {
            console.Console = assembly.Console;
            Stopwatch clock = Stopwatch.StartNew();
            exit = Run(assembly);
            speed = Describe(assembly.Machine.Instructions, clock.Elapsed);
        }

        if (interrupted) return ExitCode.Failed;
        DemoVerdict verdict = new(results);
        DemoRow[] rows =
        [
            verdict.JudgeScratch(ScratchSerial, scratch),
            verdict.JudgeReadOnly(ReadOnlySerial, sum),
            verdict.Judge("rng"),
            verdict.Judge("console"),
        ];
        return Show(rows, exit, speed);
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
    }

    private int Show(DemoRow[] rows, MachineExit exit, string speed)
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
        output.WriteLine($"{rows.Count(row => row.Ok)} of {rows.Length} devices ok; {end}. {speed}");
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
