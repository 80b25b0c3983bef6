using System.Globalization;
using Squib.Virtio.Limits;

namespace Squib.Cli.Boot;

/// <summary>The keys <c>bw=SIZE</c> and <c>iops=NUMBER</c>, which several devices have among their own.</summary>
internal static class LimitKeys
{
    /// <summary>How the keys look, for messages.</summary>
    public const string Form = "[,bw=SIZE][,iops=NUMBER]";

    /// <summary>Reads the keys and takes them out of the text of an option.</summary>
    /// <param name="option">The option, for messages.</param>
    /// <param name="text">Its text; two commas in a value stand for one.</param>
    /// <param name="rest">The text without the keys.</param>
    /// <returns>The limits, or null if there is neither key.</returns>
    /// <exception cref="UserErrorException">A key is given twice, or its value cannot be.</exception>
    public static RateLimits? Take(string option, string text, out string rest)
    {
        RateLimits limits = new();
        List<string> others = [];
        foreach (string part in text.Replace(",,", "\0", StringComparison.Ordinal).Split(','))
        {
            string[] pair = part.Split('=', 2);
            string value = pair.Length == 2 ? pair[1] : "";
            bool known = pair[0] is "bw" or "iops";
            if (!known) others.Add(part);
            else if (pair[0] == "bw" ? limits.BytesPerSecond is not null : limits.OperationsPerSecond is not null)
                throw new UserErrorException($"{option} {text}: '{pair[0]}' is given twice.");
            else if (pair[0] == "bw") limits = limits with { BytesPerSecond = ParseBytes(option, text, value) };
            else limits = limits with { OperationsPerSecond = ParseNumber(option, text, value) };
        }

        rest = string.Join(',', others).Replace("\0", ",,", StringComparison.Ordinal);
        return limits == new RateLimits() ? null : limits;
    }

    private static long ParseBytes(string option, string text, string value)
    {
        try
        {
            if (ByteSize.Parse(value) is > 0 and long bytes) return bytes;
        }
        catch (UserErrorException)
        {
            // Said below, with the option that it belongs to.
        }

        throw new UserErrorException($"{option} {text}: bw={value} is no size of a second, such as 50M.");
    }

    private static long ParseNumber(string option, string text, string value) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number > 0
            ? number
            : throw new UserErrorException($"{option} {text}: iops={value} is no number of requests of a second, such as 2000.");
}
