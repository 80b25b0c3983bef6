namespace Squib.Cli.Boot;

/// <summary>Where a console or the serial line leads.</summary>
/// <param name="Kind">Which kind of place.</param>
/// <param name="Path">The file, for <see cref="StreamKind.File"/>.</param>
internal sealed record StreamTarget(StreamKind Kind, string Path = "")
{
    /// <summary>Nowhere.</summary>
    public static StreamTarget Off { get; } = new(StreamKind.Off);

    /// <summary>The keyboard and the screen.</summary>
    public static StreamTarget Stdio { get; } = new(StreamKind.Stdio);

    /// <summary>Reads the text of an option.</summary>
    /// <param name="option">Its name, for the message.</param>
    /// <param name="text"><c>stdio</c>, <c>file=PATH</c> or <c>off</c>.</param>
    /// <exception cref="UserErrorException">It is none of these.</exception>
    public static StreamTarget Parse(string option, string text) => text switch
    {
        "stdio" => Stdio,
        "off" => Off,
        _ when text.StartsWith("file=", StringComparison.Ordinal) && text.Length > 5 => new(StreamKind.File, text[5..]),
        _ => throw new UserErrorException($"{option} {text}: this is none of stdio, file=PATH and off."),
    };

    /// <summary>Opens the output side.</summary>
    /// <param name="stdio">What <see cref="Stdio"/> stands for.</param>
    /// <returns>The stream, or null for <see cref="Off"/>; a file is the caller's to close.</returns>
    /// <exception cref="UserErrorException">The file cannot be written.</exception>
    public Stream? OpenOutput(Stream stdio)
    {
        if (Kind != StreamKind.File) return Kind == StreamKind.Stdio ? stdio : null;
        try
        {
            return new FileStream(Path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{Path} cannot be written: {HostFile.Explain(error, Path)}.", error);
        }
    }
}
