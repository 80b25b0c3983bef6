namespace Squib.Virtio.Tests.Conformance;

/// <summary>Reads tables of comma-separated values.</summary>
internal static class Table
{
    private static readonly string Folder =
        Path.Combine(Repository.Root, "tests", "Squib.Virtio.Tests", "Conformance");

    /// <summary>Reads a table of this folder; none has no rows.</summary>
    /// <param name="name">The name of the file.</param>
    /// <param name="columns">The names of its columns.</param>
    public static List<string[]> Read(string name, params string[] columns)
    {
        string path = Path.Combine(Folder, name);
        if (!File.Exists(path)) return [];
        List<string[]> rows = [.. File.ReadAllLines(path).Where(line => line.Length > 0).Select(Split)];
        if (rows.Count == 0 || !rows[0].SequenceEqual(columns))
            throw new InvalidDataException($"{name} does not begin with the columns {string.Join(',', columns)}.");
        if (rows.Find(row => row.Length != columns.Length) is { } bad)
            throw new InvalidDataException($"{name}: {bad[0]} has {bad.Length} columns instead of {columns.Length}.");
        rows.RemoveAt(0);
        return rows;
    }

    private static string[] Split(string line)
    {
        List<string> fields = [];
        int at = 0;
        while (at <= line.Length)
        {
            if (at < line.Length && line[at] == '"')
            {
                int end = at + 1;
                while (line[end] != '"' || (end + 1 < line.Length && line[end + 1] == '"')) end += line[end] == '"' ? 2 : 1;
                fields.Add(line[(at + 1)..end].Replace("\"\"", "\"", StringComparison.Ordinal));
                at = end + 2;
            }
            else
            {
                int end = line.IndexOf(',', at);
                if (end < 0) end = line.Length;
                fields.Add(line[at..end]);
                at = end + 1;
            }
        }

        return [.. fields];
    }
}
