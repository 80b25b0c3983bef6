using System.Text;
using Squib.Cli;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>Runs the command's entry method with streams of its own.</summary>
internal static class InProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static (int ExitCode, string Output, string Error) Run(params string[] arguments) =>
        RunWithInput([], arguments);

    public static (int ExitCode, string Output, string Error) RunWithInput(byte[] input, params string[] arguments)
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        int exitCode = RunInTime(arguments, new()
        {
            Input = new MemoryStream(input),
            Output = output,
            Error = error,
        });
        return (exitCode, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }

    /// <summary>
    /// Runs the command and fails the test when it takes minutes: a guest that hangs shall not hang the tests.
    /// </summary>
    public static int RunInTime(string[] arguments, HostStreams streams)
    {
        Task<int> run = Task.Run(() => SquibCommand.Run(arguments, streams), TestContext.Current.CancellationToken);
        bool ended = run.Wait(Patience, TestContext.Current.CancellationToken);
        Assert.True(ended, $"squib {string.Join(' ', arguments)} hangs.");
        return run.Result;
    }
}
