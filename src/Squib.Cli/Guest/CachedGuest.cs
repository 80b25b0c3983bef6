namespace Squib.Cli.Guest;

/// <summary>A guest whose files lie in the cache.</summary>
/// <param name="Folder">The folder that holds <c>Image</c>, <c>busybox</c>, <c>modules/</c>, <c>socat</c> and <c>libraries/</c>.</param>
internal sealed record CachedGuest(string Folder)
{
    /// <summary>The unmodified kernel.</summary>
    public string KernelPath => Path.Combine(Folder, "Image");

    /// <summary>The statically linked program that is nearly all of the guest's user land.</summary>
    public string BusyboxPath => Path.Combine(Folder, "busybox");

    /// <summary>The folder of the kernel's modules.</summary>
    public string ModulesFolder => Path.Combine(Folder, "modules");

    /// <summary>The program that speaks over the sockets between guest and host.</summary>
    public string SocatPath => Path.Combine(Folder, "socat");

    /// <summary>The folder of the libraries that it is linked with.</summary>
    public string LibrariesFolder => Path.Combine(Folder, "libraries");

    /// <summary>The list of all files with their lengths, written last: with it the folder is complete.</summary>
    public string ManifestPath => Path.Combine(Folder, "manifest");

    /// <summary>Writes the list of files.</summary>
    /// <param name="packages">The package files that it was made from.</param>
    public void WriteManifest(IEnumerable<string> packages) =>
        File.WriteAllLines(ManifestPath, [.. packages.Select(name => "# " + name), .. ListFiles()]);

    /// <summary>Whether every file of the list is there in its full length.</summary>
    public bool IsComplete()
    {
        // An earlier squib fetched guests without socat.
        if (!File.Exists(ManifestPath) || !File.Exists(SocatPath)) return false;
        IEnumerable<string> expected = File.ReadLines(ManifestPath).Where(line => !line.StartsWith('#'));
        return expected.SequenceEqual(ListFiles());
    }

    private IEnumerable<string> ListFiles() =>
        from path in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories)
        where path != ManifestPath
        let line = $"{new FileInfo(path).Length} {Path.GetRelativePath(Folder, path)}"
        orderby line
        select line;
}
