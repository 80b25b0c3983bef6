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
        Input = Console.OpenStandardInput(),
        Output = Console.OpenStandardOutput(),
        Error = Console.Error,
        ErrorIsTerminal = !Console.IsErrorRedirected,
    };
}
