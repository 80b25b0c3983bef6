using System.Security.Cryptography;

namespace Squib.Fuzz.Engine;

/// <summary>The inputs of a target, one file each, named after what is in it.</summary>
internal static class Corpus
{
    /// <summary>Where the corpora are kept: in the repository above a folder, or else beside it.</summary>
    internal static string Find(string target)
    {
        foreach (string start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
        {
            for (DirectoryInfo? at = new(start); at is not null; at = at.Parent)
            {
                if (File.Exists(Path.Combine(at.FullName, "Squib.slnx"))) return Path.Combine(at.FullName, "fuzz", "corpus", target);
            }
        }

        return Path.Combine(Environment.CurrentDirectory, "corpus", target);
    }

    internal static List<byte[]> Load(string folder) => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)]
        : [];

    /// <summary>Puts these inputs in the place of those that are there.</summary>
    internal static void Save(string folder, IReadOnlyCollection<byte[]> inputs)
    {
        Directory.CreateDirectory(folder);
        HashSet<string> wanted = [];
        foreach (byte[] input in inputs)
        {
            string name = NameOf(input);
            wanted.Add(name);
            string path = Path.Combine(folder, name);
            if (!File.Exists(path)) File.WriteAllBytes(path, input);
        }

        foreach (string file in Directory.EnumerateFiles(folder).Where(file => !wanted.Contains(Path.GetFileName(file)))) File.Delete(file);
    }

    internal static string NameOf(byte[] input) => Convert.ToHexStringLower(SHA256.HashData(input).AsSpan(0, 8));
}
