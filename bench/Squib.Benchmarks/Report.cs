namespace Squib.Benchmarks;

/// <summary>Rewrites one section of docs/performance.md.</summary>
internal static class Report
{
    /// <summary>The folder of the repository.</summary>
    internal static string Root
    {
        get
        {
            string? folder = AppContext.BaseDirectory;
            while (folder is not null && !File.Exists(Path.Combine(folder, "Squib.slnx"))) folder = Path.GetDirectoryName(folder);
            return folder ?? throw new DirectoryNotFoundException("Run the benchmarks from a checkout of the repository.");
        }
    }

    internal static void Write(string section, IEnumerable<string> lines)
    {
        string path = Path.Combine(Root, "docs", "performance.md");
        string text = File.ReadAllText(path);
        string begin = $"<!-- {section} -->\n";
        string end = $"<!-- /{section} -->";
        int from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        int to = text.IndexOf(end, StringComparison.Ordinal);
        File.WriteAllText(path, $"{text[..from]}```\n{string.Join('\n', lines)}\n```\n{text[to..]}");
        Console.WriteLine($"docs/performance.md: section {section} is new");
    }
}
