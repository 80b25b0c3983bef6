using System.Formats.Tar;
using System.Globalization;

namespace Squib.Cli.Guest;

/// <summary>
/// Debian packages of the arm64 architecture, from the package sources that this host is set up with.
/// </summary>
/// <remarks>
/// Lists, state and downloads are kept in a folder of our own: neither root nor arm64 as a foreign architecture is
/// needed, and the host's own package state is not touched.
/// </remarks>
internal sealed class AptPackages(string folder)
{
    /// <summary>Fetches the package lists.</summary>
    /// <param name="progress">Gets the share that is done, 0 to 1.</param>
    /// <returns>What apt-get complained about; sources that this guest does not need may well be among it.</returns>
    /// <exception cref="UserErrorException">There is no apt-get.</exception>
    public string Update(Action<double> progress)
    {
        WriteConfiguration();
        return HostProgram.Run("apt-get", [.. Options, "update"], line => ReportStatus(line, progress)).Error;
    }

    /// <summary>The packages that a package depends on, in the order in which it names them.</summary>
    /// <param name="package">The package, perhaps a meta package.</param>
    /// <exception cref="UserErrorException">There is no apt-cache.</exception>
    public IReadOnlyList<string> FindDependencies(string package)
    {
        const string Label = "Depends: ";
        List<string> found = [];
        HostProgram.Run("apt-cache", ["-c", ConfigurationPath, "depends", package], line =>
        {
            // An alternative has a bar before it, and a name in angle brackets is of no package.
            string name = line.Trim().TrimStart('|');
            if (name.StartsWith(Label, StringComparison.Ordinal) && name[Label.Length] != '<') found.Add(name[Label.Length..]);
        });
        return found;
    }

    /// <summary>Downloads packages.</summary>
    /// <param name="packages">Their names.</param>
    /// <param name="into">An existing folder.</param>
    /// <param name="progress">Gets the share that is done, 0 to 1.</param>
    /// <returns>The paths of the package files in the order of the names.</returns>
    /// <exception cref="UserErrorException">There is no apt-get, or it cannot download them.</exception>
    public IReadOnlyList<string> Download(IReadOnlyList<string> packages, string into, Action<double> progress)
    {
        (int exitCode, string error) = HostProgram.Run(
            "apt-get", [.. Options, "download", .. packages], line => ReportStatus(line, progress), into);
        string[] paths = [.. packages.SelectMany(package => Directory.GetFiles(into, package + "_*.deb").Take(1))];
        return exitCode == 0 && paths.Length == packages.Count
            ? paths
            : throw new UserErrorException($"apt-get cannot download {string.Join(", ", packages)} ({FirstLine(error)}).");
    }

    /// <summary>Reads the files of a package as they come.</summary>
    /// <param name="path">The package file.</param>
    /// <param name="onFile">Gets every regular file; its name is relative, without a leading <c>./</c>.</param>
    /// <exception cref="UserErrorException">There is no dpkg-deb, or the file is broken.</exception>
    public static void Unpack(string path, Action<string, TarEntry> onFile)
    {
        (int exitCode, string error) = HostProgram.Run("dpkg-deb", ["--fsys-tarfile", path], (Stream output) =>
        {
            using TarReader reader = new(output, leaveOpen: true);
            while (reader.GetNextEntry() is { } entry)
            {
                if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
                    onFile(entry.Name.TrimStart('.').TrimStart('/'), entry);
            }
        });
        if (exitCode != 0)
            throw new UserErrorException($"dpkg-deb cannot unpack {Path.GetFileName(path)}: {FirstLine(error)}");
    }

    /// <summary>The first line of apt's complaints that says what went wrong, without its mark.</summary>
    /// <param name="error">What apt-get wrote to standard error.</param>
    public static string FirstLine(string error)
    {
        string[] lines = error.Split('\n');
        string line = lines.FirstOrDefault(text => text.StartsWith("E: ", StringComparison.Ordinal))
            ?? lines.FirstOrDefault(text => text.StartsWith("W: ", StringComparison.Ordinal))
            ?? lines[0];
        return line.Length > 3 && line[1..3] == ": " ? line[3..] : line;
    }

    private string ConfigurationPath => Path.Combine(folder, "apt.conf");

    private string[] Options => ["-c", ConfigurationPath, "-q", "-o", "APT::Status-Fd=1"];

    private void WriteConfiguration()
    {
        Directory.CreateDirectory(Path.Combine(folder, "state", "lists", "partial"));
        Directory.CreateDirectory(Path.Combine(folder, "cache", "archives", "partial"));

        // The host's hooks would run as this user and for the host's own lists; the sandbox user cannot write here.
        File.WriteAllText(ConfigurationPath, $$"""
            #clear APT::Update::Pre-Invoke;
            #clear APT::Update::Post-Invoke;
            #clear APT::Update::Post-Invoke-Success;
            #clear APT::Architectures;
            APT::Architecture "arm64";
            APT::Architectures { "arm64"; };
            APT::Sandbox::User "";
            Dir::State "{{folder}}/state";
            Dir::State::lists "{{folder}}/state/lists";
            Dir::State::status "/dev/null";
            Dir::Cache "{{folder}}/cache";
            Acquire::Languages "none";
            Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
            Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
            Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";

            """);
    }

    /// <summary>Reads a line such as <c>dlstatus:4:61.5:Retrieving file 4 of 7</c>.</summary>
    private static void ReportStatus(string line, Action<double> progress)
    {
        string[] fields = line.Split(':');
        if (fields.Length > 2 && fields[0] == "dlstatus"
            && double.TryParse(fields[2], NumberStyles.Float, CultureInfo.InvariantCulture, out double percent))
            progress(percent / 100);
    }
}
