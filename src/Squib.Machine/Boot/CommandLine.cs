namespace Squib.Machine.Boot;

/// <summary>
/// The kernel's command line: the user's words, and the two that the machine adds where the user has none.
/// </summary>
internal static class CommandLine
{
    /// <summary>The longest text that an arm64 kernel reads, in bytes.</summary>
    public const int MaxBytes = 2047;

    /// <summary>
    /// Adds <c>console=ttyAMA0</c> and <c>panic=1</c> where the user has given neither console nor panic.
    /// </summary>
    /// <param name="text">The user's text.</param>
    /// <exception cref="ArgumentException">The result is too long; the message says by how much.</exception>
    public static string Complete(string text)
    {
        List<string> words = [.. text.Split([' ', '\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)];
        // What follows a double dash goes to the first process, not to the kernel: the kernel's words come before it.
        int end = words.IndexOf("--");
        if (end < 0) end = words.Count;
        bool hasConsole = words.Take(end).Any(word => word.StartsWith("console=", StringComparison.Ordinal));
        bool hasPanic = words.Take(end).Any(word => word.StartsWith("panic=", StringComparison.Ordinal));
        if (!hasPanic) words.Insert(end, "panic=1");
        if (!hasConsole) words.Insert(end, "console=ttyAMA0");
        string line = string.Join(' ', words);
        int bytes = System.Text.Encoding.UTF8.GetByteCount(line);
        if (bytes > MaxBytes)
        {
            throw new ArgumentException(
                $"The command line is {bytes} bytes long, {bytes - MaxBytes} more than a kernel reads.");
        }

        return line;
    }
}
