namespace Squib.Cli.Demo;

/// <summary>
/// One result of the guest's: a line <c>SELFTEST device ok|fail|absent detail; features=NAME,...</c>.
/// </summary>
/// <param name="Device">What was tested, such as <c>block</c>.</param>
/// <param name="Outcome"><c>ok</c>, <c>fail</c> or <c>absent</c>.</param>
/// <param name="Detail">What the driver did.</param>
/// <param name="Features">The names of the features that it negotiated; empty where the guest told none.</param>
internal sealed record SelfTestLine(string Device, string Outcome, string Detail, IReadOnlyList<string> Features)
{
    private const string Mark = "SELFTEST ";
    private const string FeatureMark = "; features=";

    /// <summary>Reads a line of the guest's output.</summary>
    /// <param name="line">The line, without its end.</param>
    /// <returns>The result, or null if the line is something else.</returns>
    public static SelfTestLine? Parse(string line)
    {
        if (!line.StartsWith(Mark, StringComparison.Ordinal)) return null;
        string[] words = line[Mark.Length..].Split(' ', 3);
        if (words.Length < 3 || words[1] is not ("ok" or "fail" or "absent")) return null;
        int at = words[2].LastIndexOf(FeatureMark, StringComparison.Ordinal);
        return at < 0
            ? new(words[0], words[1], words[2], [])
            : new(words[0], words[1], words[2][..at], words[2][(at + FeatureMark.Length)..].Split(','));
    }
}
