namespace Squib.Cli;

/// <summary>What the process answers to its caller.</summary>
internal static class ExitCode
{
    /// <summary>The guest ended as it should: it powered off, or the user ended it.</summary>
    public const int Success = 0;

    /// <summary>A row of the demo's table failed.</summary>
    public const int Failed = 1;

    /// <summary>What the user gave cannot be used; one line on standard error says why.</summary>
    public const int BadInput = 2;

    /// <summary>The guest's kernel panicked.</summary>
    public const int Panic = 3;

    /// <summary>SIGINT ended it: 128 and the number of the signal, as shells have it.</summary>
    public const int Interrupted = 128 + 2;

    /// <summary>SIGTERM ended it.</summary>
    public const int Terminated = 128 + 15;
}
