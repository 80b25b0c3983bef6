namespace Squib.Virtio.Tests;

/// <summary>The sources that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>The folder with the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The C# files below some folders, as paths from the root, in a fixed order.</summary>
    /// <param name="folders">The folders, as paths from the root.</param>
    public static IEnumerable<string> Sources(params string[] folders) => folders
        .Select(folder => Path.Combine(Root, folder)).Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
        .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal)
        .Select(file => Path.GetRelativePath(Root, file));

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Squib.slnx"))) folder = folder.Parent;
        string root = folder?.FullName ?? throw new InvalidOperationException("The sources are not above the test.");
        Directory.SetCurrentDirectory(root);
        return root;
    }
}
