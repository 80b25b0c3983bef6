namespace Squib.Benchmarks;

/// <summary>Rewrites one section of docs/performance.md.</summary>
internal static class Report
{
    internal static void Write(string section, IEnumerable<string> lines)
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Squib.slnx"))) folder = Path.GetDirectoryName(folder);
        if (folder is null) return;
        string path = Path.Combine(folder, "docs", "performance.md");
        string text = File.ReadAllText(path);
        string begin = $"<!-- {section} -->\n";
        string end = $"<!-- /{section} -->";
        int from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        int to = text.IndexOf(end, StringComparison.Ordinal);
        File.WriteAllText(path, $"{text[..from]}```\n{string.Join('\n', lines)}\n```\n{text[to..]}");
        Console.WriteLine($"docs/performance.md: section {section} is new");
    }
}
