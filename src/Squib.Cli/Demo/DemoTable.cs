using System.Text;

namespace Squib.Cli.Demo;

/// <summary>Sets the demo's rows as a table for a terminal of 110 columns.</summary>
internal static class DemoTable
{
    private static readonly int[] Widths = [10, 52, 34, 6];

    /// <summary>Sets the table.</summary>
    /// <param name="rows">The rows in order.</param>
    public static string Format(IEnumerable<DemoRow> rows)
    {
        StringBuilder text = new();
        Append(text, ["device", "what the guest's driver did", "features it negotiated", "result"]);
        Append(text, [.. Widths.Select(width => new string('-', width))]);
        foreach (DemoRow row in rows)
            Append(text, [row.Device, row.Did, string.Join(' ', row.Features), row.Ok ? "ok" : "failed"]);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string[] cells)
    {
        List<string>[] columns = [.. cells.Select((cell, column) => Wrap(cell, Widths[column]))];
        int lines = columns.Max(column => column.Count);
        for (int line = 0; line < lines; line++)
        {
            IEnumerable<string> parts = columns.Select((column, index) =>
                (line < column.Count ? column[line] : "").PadRight(Widths[index]));
            text.AppendLine(string.Join("  ", parts).TrimEnd());
        }
    }

    private static List<string> Wrap(string cell, int width)
    {
        List<string> lines = [];
        string line = "";
        foreach (string word in cell.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                lines.Add(line);
                line = "";
            }

            line = line.Length == 0 ? word : $"{line} {word}";
        }

        lines.Add(line);
        return lines;
    }
}
