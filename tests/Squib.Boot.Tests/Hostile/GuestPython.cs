using System.Formats.Tar;
using System.Text.RegularExpressions;
using Squib.Cli.Guest;
using Xunit;

namespace Squib.Boot.Tests.Hostile;

/// <summary>Debian's Python for arm64, as much of it as a script needs that maps memory; fetched once like the kernel.</summary>
internal static class GuestPython
{
    private const string Interpreter = "python3";

    /// <summary>What the interpreter is linked with.</summary>
    private static readonly string[] Libraries = ["ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libz.so.1", "libexpat.so.1"];

    /// <summary>The interpreter carries most of what it starts with in itself; it looks for os.py to find the others.</summary>
    private const string ModulesPattern =
        @"^usr/lib/python3\.\d+/(os\.py|encodings/(__init__|aliases|utf_8|ascii|latin_1)\.py|lib-dynload/mmap\.[^/]*\.so)$";

    /// <summary>Adds the interpreter to an initial file system, as <c>/usr/bin/python3</c>.</summary>
    public static void AddTo(CpioArchive archive)
    {
        string folder = Fetch();
        foreach (string path in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            archive.AddFolder(Path.GetRelativePath(folder, path));
        foreach (string path in Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            string name = Path.GetRelativePath(folder, path);
            if (name != "manifest") archive.AddFile(name, File.ReadAllBytes(path), executable: true);
        }
    }

    private static string Fetch()
    {
        string cache = GuestCache.DefaultFolder;
        CachedGuest kept = new(Path.Combine(cache, "guests", "python"));
        if (kept.IsComplete()) return kept.Folder;

        string work = Path.Combine(cache, $"unfinished-python-{Environment.ProcessId}");
        CachedGuest unfinished = new(Path.Combine(work, "files"));
        Directory.CreateDirectory(unfinished.Folder);
        // Lists of its own: another test may be fetching a kernel just now.
        AptPackages apt = new(Path.Combine(work, "apt"));
        apt.Update(_ => { });
        string? python = apt.FindDependencies(Interpreter).FirstOrDefault(name => name.StartsWith("python3.", StringComparison.Ordinal));
        Assert.True(python is not null, $"{Interpreter} depends on no python3.N.");
        string[] packages = [$"{python}-minimal", $"lib{python}-minimal", $"lib{python}-stdlib", "libc6", "zlib1g", "libexpat1"];
        foreach (string path in apt.Download(packages, work, _ => { }))
            AptPackages.Unpack(path, (name, entry) => Pick(name, entry, unfinished.Folder));

        unfinished.WriteManifest(packages);
        if (Directory.Exists(kept.Folder)) Directory.Delete(kept.Folder, recursive: true);
        Directory.CreateDirectory(Path.GetDirectoryName(kept.Folder)!);
        Directory.Move(unfinished.Folder, kept.Folder);
        Directory.Delete(work, recursive: true);
        return kept.Folder;
    }

    private static void Pick(string name, TarEntry entry, string folder)
    {
        string file = Path.GetFileName(name);
        string? library = Array.Find(Libraries, soname => file.StartsWith(soname, StringComparison.Ordinal));
        if (library is not null) Extract("lib/" + library);
        else if (Regex.IsMatch(name, @"^usr/bin/python3\.\d+$")) Extract("usr/bin/" + Interpreter);
        else if (Regex.IsMatch(name, ModulesPattern)) Extract(name);

        void Extract(string to)
        {
            string path = Path.Combine(folder, to);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            entry.ExtractToFile(path, overwrite: true);
        }
    }
}
