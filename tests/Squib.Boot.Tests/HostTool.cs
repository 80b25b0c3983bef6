using System.Diagnostics;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>Programs of the host that a test needs: missing ones fail on a build server and skip elsewhere.</summary>
internal static class HostTool
{
    private static readonly string[] Folders =
        [.. Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator), "/usr/sbin", "/sbin"];

    public static string Require(string name)
    {
        string? path = Folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (path is null && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail($"{name} is missing.");
        Assert.SkipWhen(path is null, $"{name} is missing.");
        return path;
    }

    public static async Task<(int ExitCode, string Output)> RunAsync(string name, params string[] arguments)
    {
        ProcessStartInfo start = new(Require(name), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output + await error);
    }
}
