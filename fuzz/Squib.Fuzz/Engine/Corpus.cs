using System.Security.Cryptography;

namespace Squib.Fuzz.Engine;

/// <summary>The inputs of a target: a text file with one of them a line, in base64 and in order, so that few lines change at a time.</summary>
internal static class Corpus
{
    private const char Comment = '#';

    /// <summary>Where the corpora are kept: in the repository above a folder, or else beside it.</summary>
    internal static string Find(string target)
    {
        foreach (string start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
        {
            for (DirectoryInfo? at = new(start); at is not null; at = at.Parent)
            {
                if (File.Exists(Path.Combine(at.FullName, "Squib.slnx"))) return FileIn(Path.Combine(at.FullName, "fuzz", "corpus"), target);
            }
        }

        return FileIn(Path.Combine(Environment.CurrentDirectory, "corpus"), target);
    }

    /// <summary>Reads a corpus, or a folder in which each file is one input as it is, like the findings.</summary>
    /// <exception cref="FormatException">The file is no corpus.</exception>
    internal static List<byte[]> Load(string path)
    {
        if (Directory.Exists(path)) return [.. Directory.EnumerateFiles(path).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        if (!File.Exists(path)) return [];
        return [.. File.ReadLines(path).Where(line => !line.StartsWith(Comment)).Select(Convert.FromBase64String)];
    }

    /// <summary>Puts these inputs in the place of those that are there.</summary>
    internal static void Save(string path, string target, IEnumerable<byte[]> inputs)
    {
        if (Path.GetDirectoryName(path) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
        string[] lines = [.. inputs.Select(Convert.ToBase64String).Distinct().Order(StringComparer.Ordinal)];
        // An empty line is the empty input.
        File.WriteAllText(path, string.Join('\n', [$"{Comment} Inputs of the fuzz target {target}, one a line, in base64.", .. lines, ""]));
    }

    internal static string NameOf(byte[] input) => Convert.ToHexStringLower(SHA256.HashData(input).AsSpan(0, 8));

    private static string FileIn(string folder, string target) => Path.Combine(folder, $"{target}.txt");
}
