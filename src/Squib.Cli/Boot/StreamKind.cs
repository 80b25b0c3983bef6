namespace Squib.Cli.Boot;

/// <summary>The kinds of places that a console or the serial line can lead to.</summary>
internal enum StreamKind
{
    /// <summary>Nowhere: output is discarded, there is no input.</summary>
    Off,

    /// <summary>The keyboard and the screen of the command.</summary>
    Stdio,

    /// <summary>Output to a file; there is no input.</summary>
    File,
}
