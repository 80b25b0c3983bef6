namespace Squib.Cli;

/// <summary>What the user gave cannot be used; the message is the one line that is shown.</summary>
internal sealed class UserErrorException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">One line: what is wrong, and with which file or option.</param>
    /// <param name="cause">What the host said, or null.</param>
    public UserErrorException(string message, Exception? cause = null)
        : base(OneLine(message), cause)
    {
    }

    /// <summary>The text with its line ends and the runtime's mention of a parameter removed.</summary>
    /// <param name="text">A message of the runtime's.</param>
    public static string OneLine(string text)
    {
        int parameter = text.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
        if (parameter >= 0) text = text[..parameter];
        return text.ReplaceLineEndings(" ").Trim();
    }
}
