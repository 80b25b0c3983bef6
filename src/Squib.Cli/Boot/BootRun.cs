using System.Diagnostics;
using System.Runtime.InteropServices;
using Squib.Machine;
using Squib.Machine.Boot;
using Squib.Virtio.Host;

namespace Squib.Cli.Boot;

/// <summary>One run of <c>squib boot</c>: from the options to the exit code.</summary>
internal sealed class BootRun(BootOptions options, HostStreams streams)
{
    private const int SignalExitBase = 128;

    // What the guest has written to its console is shown to the end, unless nobody takes it.
    private static readonly TimeSpan OutputPatience = TimeSpan.FromSeconds(2);

    private Task typing = Task.CompletedTask;
    private volatile int signal;

    /// <summary>Boots and waits for the end.</summary>
    /// <param name="options">What to boot.</param>
    /// <param name="streams">What to read and write.</param>
    /// <returns>An <see cref="ExitCode"/>, or 128 plus the number of the signal that ended the run.</returns>
    /// <exception cref="UserErrorException">Something of it cannot be used.</exception>
    public static int Execute(BootOptions options, HostStreams streams) => new BootRun(options, streams).Execute();

    /// <summary>Reads a kernel.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserErrorException">It cannot be read, or is no arm64 Image.</exception>
    public static KernelImage LoadKernel(string path)
    {
        try
        {
            return KernelImage.Parse(HostFile.ReadAll("kernel", path));
        }
        catch (InvalidDataException error)
        {
            throw new UserErrorException($"{path}: {error.Message}", error);
        }
    }

    private int Execute()
    {
        KernelImage kernel = LoadKernel(options.KernelPath);
        byte[] initrd = options.InitrdPath is { } path ? HostFile.ReadAll("initrd", path) : [];
        ScreenStream screen = new(streams.Output);
        using Stream? serial = options.Serial.OpenOutput(screen);
        using Stream? console = options.Console.OpenOutput(screen);
        using MachineAssembly assembly = MachineAssembly.Build(new()
        {
            Kernel = kernel,
            Initrd = initrd,
            CommandLine = options.CommandLine,
            MemoryBytes = options.MemoryBytes,
            Drives = options.Drives,
            NetCards = options.NetCards,
            Rng = options.Rng,
            RngLimits = options.RngLimits,
            Vsock = options.Vsock,
            MemoryDevices = options.MemoryDevices,
            Transport = options.Transport,
            ConsoleOutput = console,
            SerialOutput = serial,
        });
        screen.Closed = assembly.Machine.Stop;
        Stopwatch clock = Stopwatch.StartNew();
        MachineExit exit;
        using (options.MetricsPath is { } metrics ? new MetricsFile(metrics, TimeProvider.System) : null) exit = Run(assembly);
        clock.Stop();
        if (options.Stats) RunStatistics.Write(streams.Error, assembly, clock.Elapsed);
        if (exit == MachineExit.Panic) streams.Error.WriteLine("squib: the guest's kernel panicked.");
        return exit == MachineExit.Panic ? ExitCode.Panic : signal > 0 ? SignalExitBase + signal : ExitCode.Success;
    }

    private MachineExit Run(MachineAssembly assembly)
    {
        const int Interrupt = 2;
        const int Terminate = 15;
        using RawTerminal? terminal = UsesKeyboard ? RawTerminal.Enter() : null;
        using PosixSignalRegistration interrupt = StopAt(PosixSignal.SIGINT, Interrupt, assembly);
        using PosixSignalRegistration terminate = StopAt(PosixSignal.SIGTERM, Terminate, assembly);
        bool isTerminal = terminal?.IsRaw ?? false;
        if (UsesKeyboard)
            Keyboard.Start(streams.Input, keys => Type(keys, isTerminal, assembly), ShowHelp, assembly.Machine.Stop);
        MachineExit exit = assembly.Machine.Run();
        assembly.Console?.DrainAsync().Wait(OutputPatience);
        return exit;
    }

    private bool UsesKeyboard => options.Serial.Kind == StreamKind.Stdio || options.Console.Kind == StreamKind.Stdio;

    private PosixSignalRegistration StopAt(PosixSignal name, int number, MachineAssembly assembly) =>
        PosixSignalRegistration.Create(name, context =>
        {
            context.Cancel = true;
            signal = number;
            assembly.Machine.Stop();
        });

    // A guest that does not read must not keep a user from ending it: what is typed on a terminal is dropped when there
    // is no room, as a serial line does. A pipe waits, so that a script's input is complete.
    private void Type(byte[] keys, bool isTerminal, MachineAssembly assembly)
    {
        if (options.Serial.Kind == StreamKind.Stdio)
        {
            if (isTerminal) assembly.Machine.TryWriteSerial(keys);
            else assembly.Machine.WriteSerial(keys);
            return;
        }

        if (isTerminal && !typing.IsCompleted) return;
        typing = assembly.Console!.WriteInputAsync(keys).AsTask();
        if (!isTerminal) typing.GetAwaiter().GetResult();
    }

    private void ShowHelp()
    {
        streams.Error.Write(KeyFilter.Help);
        streams.Error.Flush();
    }
}
