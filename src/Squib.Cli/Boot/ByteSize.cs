using System.Globalization;

namespace Squib.Cli.Boot;

/// <summary>Reads a size such as <c>512M</c>.</summary>
internal static class ByteSize
{
    private const string Units = "KMGT";

    /// <summary>Reads a size in bytes.</summary>
    /// <param name="text">A whole number, in MiB or with one of the suffixes K, M, G and T (powers of 1024).</param>
    /// <returns>The size in bytes.</returns>
    /// <exception cref="UserErrorException">The text is no size, or one beyond 2^63.</exception>
    public static long Parse(string text)
    {
        string digits = text.TrimEnd();
        int shift = 20;
        int unit = digits.Length > 0 ? Units.IndexOf(char.ToUpperInvariant(digits[^1]), StringComparison.Ordinal) : -1;
        if (unit >= 0)
        {
            shift = 10 * (unit + 1);
            digits = digits[..^1];
        }

        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
            throw new UserErrorException($"'{text}' is not a size; say, for instance, 512M or 2G.");
        if (number > long.MaxValue >> shift)
            throw new UserErrorException($"The size {text} is beyond what a machine can have.");
        return number << shift;
    }
}
