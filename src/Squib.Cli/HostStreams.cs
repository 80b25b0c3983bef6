using Microsoft.Win32.SafeHandles;

namespace Squib.Cli;

/// <summary>What the command reads from and writes to.</summary>
internal sealed record HostStreams
{
    /// <summary>The keyboard, or whatever standard input is.</summary>
    public required Stream Input { get; init; }

    /// <summary>Where the guest's output and results go; not buffered.</summary>
    public required Stream Output { get; init; }

    /// <summary>Where errors, progress and statistics go.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal on which a line can be rewritten.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>The standard streams of this process.</summary>
    public static HostStreams OfProcess() => new()
    {
        Input = Open(0, FileAccess.Read, Console.IsInputRedirected, Console.OpenStandardInput),
        Output = Open(1, FileAccess.Write, Console.IsOutputRedirected, Console.OpenStandardOutput),
        Error = new StreamWriter(Open(2, FileAccess.Write, Console.IsErrorRedirected, Console.OpenStandardError))
        {
            AutoFlush = true,
        },
        ErrorIsTerminal = !Console.IsErrorRedirected,
    };

    // On a Unix terminal the console's own streams edit lines and send escape sequences of their own; the guest is to
    // have the terminal to itself. Elsewhere they are right: they share the file's position with other processes.
    private static Stream Open(int descriptor, FileAccess access, bool redirected, Func<Stream> ofConsole) =>
        redirected || OperatingSystem.IsWindows()
            ? ofConsole()
            : new FileStream(new SafeFileHandle(descriptor, ownsHandle: false), access, bufferSize: 0);
}
