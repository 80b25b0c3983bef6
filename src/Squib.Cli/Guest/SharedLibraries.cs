using System.Formats.Tar;

namespace Squib.Cli.Guest;

/// <summary>Takes a program out of its package, and the libraries that it needs out of those that the package depends on.</summary>
/// <remarks>
/// Packages depend on more than one program needs. Only those are fetched on which the package of a file depends that needs a
/// library still missing, and only the libraries that are needed are copied.
/// </remarks>
/// <param name="apt">Where packages come from.</param>
/// <param name="work">An existing folder for package files.</param>
/// <param name="progress">What is being done.</param>
internal sealed class SharedLibraries(AptPackages apt, string work, ProgressLine progress)
{
    private readonly Dictionary<string, (byte[] Content, string Package)> libraries = [];
    private readonly Dictionary<string, string> packageFiles = [];

    /// <summary>The package files that were fetched.</summary>
    public IEnumerable<string> PackageFiles => packageFiles.Values;

    /// <summary>Copies a program and all that it is linked with.</summary>
    /// <param name="package">The program's package.</param>
    /// <param name="names">The ends of the paths that the program may have in it.</param>
    /// <param name="program">Where the program goes.</param>
    /// <param name="folder">The folder where the libraries go, each under the name by which it is needed.</param>
    /// <exception cref="UserErrorException">A package cannot be fetched, or does not hold what it should.</exception>
    public void CopyProgram(string package, IReadOnlyList<string> names, string program, string folder)
    {
        Fetch([package]);
        AptPackages.Unpack(packageFiles[package], (path, entry) =>
        {
            if (names.Any(name => path.EndsWith(name, StringComparison.Ordinal))) entry.ExtractToFile(program, overwrite: true);
        });
        if (!File.Exists(program)) throw new UserErrorException($"The package {package} holds no {string.Join(" or ", names)}.");
        Directory.CreateDirectory(folder);
        CopyNeeds(ElfFile.Read(File.ReadAllBytes(program)), package, folder);
    }

    private void CopyNeeds(ElfFile file, string package, string folder)
    {
        foreach (string need in file.Needs)
        {
            string path = Path.Combine(folder, Path.GetFileName(need));
            if (File.Exists(path)) continue;
            if (!libraries.ContainsKey(need)) Fetch(apt.FindDependencies(package));
            if (!libraries.TryGetValue(need, out (byte[] Content, string Package) found))
                throw new UserErrorException($"The package {package} needs {need}, which none of those holds on which it depends.");
            File.WriteAllBytes(path, found.Content);
            CopyNeeds(ElfFile.Read(found.Content), found.Package, folder);
        }
    }

    private void Fetch(IEnumerable<string> packages)
    {
        string[] missing = [.. packages.Where(package => !packageFiles.ContainsKey(package))];
        if (missing.Length == 0) return;
        IReadOnlyList<string> files =
            apt.Download(missing, work, share => progress.Show($"fetching {string.Join(", ", missing)}", share));
        foreach ((string package, string file) in missing.Zip(files))
        {
            packageFiles[package] = file;
            AptPackages.Unpack(file, (path, entry) => Keep(path, entry, package));
        }
    }

    private void Keep(string path, TarEntry entry, string package)
    {
        if (!path.Contains(".so", StringComparison.Ordinal) || entry.DataStream is not { } stream) return;
        using MemoryStream content = new();
        stream.CopyTo(content);
        if (ElfFile.Read(content.ToArray()).Name is { } name) libraries[name] = (content.ToArray(), package);
    }
}
