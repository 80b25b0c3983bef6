using System.Text;

namespace Squib.Cli.Demo;

/// <summary>Sets the demo's rows as a table as wide as the terminal, within limits.</summary>
internal static class DemoTable
{
    /// <summary>The table is never wider: longer lines read badly.</summary>
    public const int MaxColumns = 110;

    /// <summary>The table is never narrower: on a smaller terminal its lines are broken.</summary>
    public const int MinColumns = 80;

    private const int DeviceColumns = 10;
    private const int ResultColumns = 6;
    private const string Gap = "  ";

    // On a narrow terminal one feature a line has to do, the longest of which has 22 letters.
    private const int FeatureColumns = 34;
    private const int NarrowFeatureColumns = 22;

    /// <summary>Sets the table.</summary>
    /// <param name="rows">The rows in order.</param>
    /// <param name="columns">The width of the terminal.</param>
    public static string Format(IEnumerable<DemoRow> rows, int columns)
    {
        columns = Math.Clamp(columns, MinColumns, MaxColumns);
        int features = columns < MaxColumns ? NarrowFeatureColumns : FeatureColumns;
        int did = columns - DeviceColumns - features - ResultColumns - (3 * Gap.Length);
        int[] widths = [DeviceColumns, did, features, ResultColumns];
        StringBuilder text = new();
        Append(text, widths, ["device", "what the guest's driver did", "features it negotiated", "result"]);
        Append(text, widths, [.. widths.Select(width => new string('-', width))]);
        foreach (DemoRow row in rows)
            Append(text, widths, [row.Device, row.Did, string.Join(' ', row.Features), row.Ok ? "ok" : "failed"]);
        return text.ToString();
    }

    private static void Append(StringBuilder text, int[] widths, string[] cells)
    {
        List<string>[] columns = [.. cells.Zip(widths, Wrap)];
        int lines = columns.Max(column => column.Count);
        for (int line = 0; line < lines; line++)
        {
            IEnumerable<string> parts = columns.Zip(widths, (column, width) =>
                (line < column.Count ? column[line] : "").PadRight(width));
            text.AppendLine(string.Join(Gap, parts).TrimEnd());
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
