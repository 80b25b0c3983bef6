using System.Diagnostics;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Vsock;

/// <summary>The program socat; where it is missing a test fails on a build server and is skipped elsewhere.</summary>
internal sealed class Socat : IDisposable
{
    private readonly Process process;

    private Socat(Process process) => this.process = process;

    public Stream Input => process.StandardInput.BaseStream;

    public Stream Output => process.StandardOutput.BaseStream;

    public static Socat Start(params string[] arguments)
    {
        bool there = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "socat")));
        if (!there && Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail("socat is missing.");
        Assert.SkipUnless(there, "socat is missing.");
        ProcessStartInfo start = new("socat", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new(Process.Start(start)!);
    }

    /// <summary>Starts one that listens, and waits until it does.</summary>
    public static async Task<Socat> ListenAsync(params string[] arguments)
    {
        Socat started = Start(["-d", "-d", .. arguments]);
        string? line;
        do line = await started.process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken);
        while (line?.Contains("listening on", StringComparison.Ordinal) == false);
        Assert.NotNull(line);
        return started;
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }
}
