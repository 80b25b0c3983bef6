using System.Runtime.InteropServices;

namespace Squib.Virtio.Host;

/// <summary>
/// Puts the terminal on standard input into raw mode, so that every key goes to the guest as it is typed.
/// </summary>
/// <remarks>
/// The former mode comes back with <see cref="Dispose"/>, and also when the process ends by a signal, an exit or an
/// unhandled exception. Where standard input is no terminal, or on Windows, nothing changes.
/// </remarks>
public sealed class RawTerminal : IDisposable
{
    private const int StandardInput = 0;

    private readonly Lock gate = new();
    private readonly byte[] before = new byte[Libc.TermiosBytes];
    private readonly List<PosixSignalRegistration> signals = [];
    private bool raw;

    private RawTerminal()
    {
        if (OperatingSystem.IsWindows() || Libc.IsTerminal(StandardInput) == 0) return;
        if (Libc.GetAttributes(StandardInput, before) != 0) return;
        byte[] wanted = [.. before];
        Libc.MakeRaw(wanted);
        raw = Libc.SetAttributes(StandardInput, Libc.SetAttributesNow, wanted) == 0;
        if (!raw) return;
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        AppDomain.CurrentDomain.UnhandledException += OnExit;
        foreach (PosixSignal signal in (PosixSignal[])
            [PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT])
            signals.Add(PosixSignalRegistration.Create(signal, _ => Restore()));
    }

    /// <summary>Whether the terminal is in raw mode now.</summary>
    public bool IsRaw
    {
        get
        {
            lock (gate) return raw;
        }
    }

    /// <summary>Enters raw mode where standard input is a terminal.</summary>
    public static RawTerminal Enter() => new();

    /// <summary>Brings the former mode back.</summary>
    public void Dispose()
    {
        Restore();
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        AppDomain.CurrentDomain.UnhandledException -= OnExit;
        foreach (PosixSignalRegistration signal in signals) signal.Dispose();
        signals.Clear();
    }

    private void OnExit(object? sender, EventArgs arguments) => Restore();

    private void Restore()
    {
        lock (gate)
        {
            if (!raw) return;
            raw = false;
            _ = Libc.SetAttributes(StandardInput, Libc.SetAttributesNow, before);
        }
    }
}
