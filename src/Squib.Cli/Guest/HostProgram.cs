using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Squib.Cli.Guest;

/// <summary>Runs one program of the host and waits for it; the program ends when squib is told to end.</summary>
internal static class HostProgram
{
    private const int KeptErrorLines = 20;

    /// <summary>Runs a program whose output is text.</summary>
    /// <param name="name">The program, looked up in PATH.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="onLine">Gets every line of standard output.</param>
    /// <param name="folder">The folder to run in, or null for the current one.</param>
    /// <returns>The exit code, and the last lines of standard error.</returns>
    /// <exception cref="UserErrorException">There is no such program.</exception>
    public static (int ExitCode, string Error) Run(
        string name, IEnumerable<string> arguments, Action<string> onLine, string? folder = null) =>
        Run(name, arguments, output => ReadLines(output, onLine), folder);

    /// <summary>Runs a program whose output is a stream of bytes.</summary>
    /// <param name="name">The program, looked up in PATH.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="readOutput">Reads standard output to its end.</param>
    /// <param name="folder">The folder to run in, or null for the current one.</param>
    /// <returns>The exit code, and the last lines of standard error.</returns>
    /// <exception cref="UserErrorException">There is no such program.</exception>
    public static (int ExitCode, string Error) Run(
        string name, IEnumerable<string> arguments, Action<Stream> readOutput, string? folder = null)
    {
        ProcessStartInfo start = new(name, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "",
        };
        start.Environment["LC_ALL"] = "C";
        using Process process = Start(start);
        using PosixSignalRegistration interrupt = EndWith(process, PosixSignal.SIGINT);
        using PosixSignalRegistration terminate = EndWith(process, PosixSignal.SIGTERM);
        process.StandardInput.Close();
        Queue<string> errors = new();
        process.ErrorDataReceived += (_, line) =>
        {
            if (string.IsNullOrWhiteSpace(line.Data)) return;
            if (errors.Count == KeptErrorLines) errors.Dequeue();
            errors.Enqueue(line.Data.Trim());
        };
        process.BeginErrorReadLine();
        try
        {
            readOutput(process.StandardOutput.BaseStream);
        }
        catch
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        process.WaitForExit();
        return (process.ExitCode, string.Join('\n', errors));
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new UserErrorException($"There is no program '{start.FileName}' here.", error);
        }
    }

    private static PosixSignalRegistration EndWith(Process process, PosixSignal signal) =>
        PosixSignalRegistration.Create(signal, _ =>
        {
            try
            {
                process.Kill(entireProcessTree: true);
            }
            catch (InvalidOperationException)
            {
                // It has ended by itself.
            }
        });

    private static void ReadLines(Stream output, Action<string> onLine)
    {
        using StreamReader reader = new(output, leaveOpen: true);
        while (reader.ReadLine() is { } line) onLine(line);
    }
}
