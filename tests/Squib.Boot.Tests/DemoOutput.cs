namespace Squib.Boot.Tests;

/// <summary>Reads the table that the demo ends with.</summary>
internal static class DemoOutput
{
    private const int Start = 12;
    private const int End = 66;

    /// <summary>What the guest's drivers did and the host found: the second column of a table of 110, without the ends of lines.</summary>
    public static string ReadWords(string output)
    {
        string table = output[Math.Max(0, output.IndexOf("\ndevice ", StringComparison.Ordinal))..];
        IEnumerable<string> cells =
            from line in table.Split('\n')
            where line.Length > Start
            select line[Start..Math.Min(line.Length, End)].Trim();
        return string.Join(' ', cells);
    }
}
