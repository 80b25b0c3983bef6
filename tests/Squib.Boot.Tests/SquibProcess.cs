using System.Diagnostics;
using System.Text;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>The command as a process of its own, with a cache of its own where asked for.</summary>
internal sealed class SquibProcess : IDisposable
{
    /// <summary>
    /// A launcher for a command that a signal shall end: programs inherit from a shell that runs the tests in its background that SIGINT
    /// is ignored.
    /// </summary>
    public static readonly string[] WithSignals = ["/usr/bin/env", "--default-signal=INT,TERM"];

    private readonly Process process;
    private readonly Task reading;
    private readonly Task<string> error;
    private readonly StringBuilder output = new();
    private readonly Lock gate = new();
    private bool ended;
    private TaskCompletionSource more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SquibProcess(IReadOnlyDictionary<string, string> environment, params string[] arguments)
        : this([], environment, arguments)
    {
    }

    /// <summary>Starts the command by another one, which is given first.</summary>
    public SquibProcess(string[] launcher, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        string command = Path.Combine(AppContext.BaseDirectory, "squib.dll");
        string[] words = [.. launcher, DotnetHost, command, .. arguments];
        ProcessStartInfo start = new(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        process = Process.Start(start)!;
        process.StandardInput.Close();
        reading = ReadAsync();
        error = process.StandardError.ReadToEndAsync();
    }

    public int Id => process.Id;

    /// <summary>The program that runs this test, by its full path: tests change PATH.</summary>
    public static string DotnetHost =>
        Environment.GetEnvironmentVariable("DOTNET_HOST_PATH")
        ?? Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"))
            .First(File.Exists);

    public async Task<(int ExitCode, string Output, string Error)> WaitAsync()
    {
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await reading;
        return (process.ExitCode, output.ToString(), await error);
    }

    /// <summary>Waits for a line of the output that begins so, from the first line on; the output's end fails the test.</summary>
    public Task<string> WaitForLineAsync(string beginning) => WaitForAsync($"line '{beginning}'", text =>
    {
        // The last piece may be half a line. The guest ends its lines for a terminal, with CR LF.
        string[] pieces = text.Split('\n');
        return pieces[..^1].Select(line => line.TrimEnd('\r')).FirstOrDefault(line => line.StartsWith(beginning, StringComparison.Ordinal));
    });

    /// <summary>Waits until the command has printed a text; the output's end fails the test.</summary>
    public Task PrintsAsync(string text) =>
        WaitForAsync($"'{text}'", all => all.Contains(text, StringComparison.Ordinal) ? text : null);

    /// <summary>Ends the process as a power cut does: it gets no chance to do anything.</summary>
    public void Kill() => process.Kill(entireProcessTree: true);

    /// <summary>Sends a signal, such as <c>INT</c>.</summary>
    public async Task SignalAsync(string name)
    {
        using Process kill = Process.Start("/bin/kill", [$"-{name}", $"{process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    private async Task<string> WaitForAsync(string what, Func<string, string?> find)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (find(output.ToString()) is { } found) return found;
                Assert.False(ended, $"There was no {what} in:\n{output}");
                next = more.Task;
            }

            await next.WaitAsync(TestContext.Current.CancellationToken);
        }
    }

    private async Task ReadAsync()
    {
        char[] next = new char[4096];
        while (!ended)
        {
            int length = await process.StandardOutput.ReadAsync(next);
            lock (gate)
            {
                output.Append(next, 0, length);
                ended = length == 0;
                more.SetResult();
                more = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }
}
