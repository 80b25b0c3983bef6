using System.Text;
using Squib.Cli;

namespace Squib.Boot.Tests;

/// <summary>Runs the command's entry method with streams of its own.</summary>
internal static class InProcess
{
    public static (int ExitCode, string Output, string Error) Run(params string[] arguments) => RunWithInput([], arguments);

    public static (int ExitCode, string Output, string Error) RunWithInput(byte[] input, params string[] arguments)
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        int exitCode = SquibCommand.Run(arguments, new()
        {
            Input = new MemoryStream(input),
            Output = output,
            Error = error,
        });
        return (exitCode, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }
}
