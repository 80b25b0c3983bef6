using System.Diagnostics;
using System.Text;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>The command as a process of its own, with a cache of its own where asked for.</summary>
internal sealed class SquibProcess : IDisposable
{
    private readonly Process process;
    private readonly Lock gate = new();
    private readonly StringBuilder printed = new();
    private readonly List<(string Text, TaskCompletionSource Seen)> awaited = [];
    private readonly Task<string> output;
    private readonly Task<string> error;

    public SquibProcess(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        string command = Path.Combine(AppContext.BaseDirectory, "squib.dll");
        ProcessStartInfo start = new(DotnetHost, [command, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        process = Process.Start(start)!;
        process.StandardInput.Close();
        output = ReadOutputAsync();
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
        return (process.ExitCode, await output, await error);
    }

    /// <summary>Waits until the command has printed a text.</summary>
    public Task PrintsAsync(string text)
    {
        TaskCompletionSource seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            awaited.Add((text, seen));
            Look();
        }

        return Task.WhenAny(seen.Task, output).WaitAsync(TestContext.Current.CancellationToken);
    }

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

    private async Task<string> ReadOutputAsync()
    {
        char[] next = new char[4096];
        while (await process.StandardOutput.ReadAsync(next) is > 0 and int length)
        {
            lock (gate)
            {
                printed.Append(next, 0, length);
                Look();
            }
        }

        return printed.ToString();
    }

    private void Look()
    {
        string all = printed.ToString();
        foreach ((_, TaskCompletionSource seen) in awaited.Where(wanted => all.Contains(wanted.Text, StringComparison.Ordinal)))
            seen.TrySetResult();
    }
}
