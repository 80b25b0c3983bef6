using System.CommandLine;
using Squib.Cli.Boot;
using Squib.Cli.Demo;
using Squib.Cli.Guest;

namespace Squib.Cli;

/// <summary>The command <c>squib</c>: reads its arguments and runs what they ask for.</summary>
internal static class SquibCommand
{
    /// <summary>Runs the command.</summary>
    /// <param name="arguments">The words after <c>squib</c>.</param>
    /// <param name="streams">What it reads and writes.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static int Run(IReadOnlyList<string> arguments, HostStreams streams)
    {
        RootCommand root = new("Boots unmodified arm64 Linux on a machine made of virtio devices in C#.");
        root.Subcommands.Add(BootCommand.Create(streams));
        root.Subcommands.Add(DemoCommand.Create(streams));
        root.Subcommands.Add(GuestCommand.Create(streams));
        try
        {
            ParseResult result = root.Parse(arguments, new() { ResponseFileTokenReplacer = null });
            if (result.Errors.Count > 0) return Complain(streams, Describe(result));
            using StreamWriter output = new(streams.Output, leaveOpen: true);
            return result.Invoke(new()
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
                Output = output,
                Error = streams.Error,
            });
        }
        catch (UserErrorException error)
        {
            return Complain(streams, error.Message);
        }
    }

    /// <summary>
    /// The most telling of the parser's complaints: an unknown word before what is missing because of it.
    /// </summary>
    private static string Describe(ParseResult result)
    {
        string? unknown = result.UnmatchedTokens.Count > 0 ? result.UnmatchedTokens[0] : null;
        Command command = result.CommandResult.Command;
        string where = command is RootCommand ? "squib" : $"squib {command.Name}";
        if (unknown is not null)
        {
            string kind = unknown.StartsWith('-') ? "an option" : "a command or argument";
            return $"'{unknown}' is not {kind} of {where}.";
        }

        return $"{UserErrorException.OneLine(result.Errors[0].Message).TrimEnd('.')}; see {where} --help.";
    }

    private static int Complain(HostStreams streams, string message)
    {
        streams.Error.WriteLine($"squib: {message}");
        streams.Error.Flush();
        return ExitCode.BadInput;
    }
}
