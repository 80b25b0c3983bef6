using System.Diagnostics;
using System.Text;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>The command as a process of its own, with a cache of its own where asked for.</summary>
internal sealed class SquibProcess : IDisposable
{
    private readonly Process process;
    private readonly Task reading;
    private readonly Task<string> error;
    private readonly List<string> lines = [];
    private readonly StringBuilder output = new();
    private readonly Lock gate = new();
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
    public async Task<string> WaitForLineAsync(string beginning)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                string? found = lines.FirstOrDefault(line => line.StartsWith(beginning, StringComparison.Ordinal));
                if (found is not null) return found;
                Assert.False(reading.IsCompleted, $"There was no line '{beginning}' in:\n{output}");
                next = more.Task;
            }

            await Task.WhenAny(next, reading).WaitAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Ends the process as a power cut does: it gets no chance to do anything.</summary>
    public void Kill() => process.Kill(entireProcessTree: true);

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            lock (gate)
            {
                // The guest ends its lines for a terminal, with CR LF.
                lines.Add(line.TrimEnd('\r'));
                output.Append(line).Append('\n');
                more.SetResult();
                more = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }
}
