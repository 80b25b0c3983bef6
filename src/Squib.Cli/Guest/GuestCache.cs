using System.Formats.Tar;

namespace Squib.Cli.Guest;

/// <summary>Guests fetched once and kept in a folder of the user's.</summary>
/// <remarks>
/// A guest is put together in a temporary folder and moved to its name when it is complete, under a lock: an
/// interrupted run leaves nothing that a later one would take for a guest.
/// </remarks>
internal sealed class GuestCache(string folder, ProgressLine progress)
{
    private const string ByHand =
        "Boot a kernel and an initrd of your own instead: squib boot --kernel IMAGE --initrd FILE";

    private const string Userland = "busybox-static";

    // What busybox cannot do: speak over sockets of the family AF_VSOCK.
    private const string SocketProgram = "socat";

    // The package lists, the packages and what is unpacked from them. apt-get does not end when its disk is full, so that is
    // found out before.
    private const long LeastRoomBytes = 160 << 20;

    private static readonly TimeSpan LockPoll = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// The folder that the desktop's rules name for caches: <c>$XDG_CACHE_HOME/squib</c> or <c>~/.cache/squib</c>.
    /// </summary>
    public static string DefaultFolder
    {
        get
        {
            string? caches = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            if (string.IsNullOrEmpty(caches) || !Path.IsPathRooted(caches))
                caches = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            return Path.Combine(caches, "squib");
        }
    }

    /// <summary>Finds a guest, fetching it where it is not there or not complete.</summary>
    /// <param name="flavour">Which kernel.</param>
    /// <exception cref="UserErrorException">It cannot be fetched.</exception>
    public CachedGuest Get(GuestFlavour flavour)
    {
        CachedGuest guest = new(Path.Combine(folder, "guests", flavour.Name));
        if (guest.IsComplete()) return guest;
        try
        {
            Directory.CreateDirectory(folder);
            using FileStream held = TakeLock();
            if (guest.IsComplete()) return guest;
            CheckRoom();
            Fetch(flavour, guest);
            return guest;
        }
        catch (UserErrorException error)
        {
            progress.Clear();
            throw new UserErrorException($"The guest cannot be fetched: {error.Message} {ByHand}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            progress.Clear();
            throw new UserErrorException($"The guest cannot be kept in {folder}: {error.Message} {ByHand}", error);
        }
    }

    private void CheckRoom()
    {
        long room = new DriveInfo(folder).AvailableFreeSpace;
        if (room >= LeastRoomBytes) return;
        throw new UserErrorException(
            $"{folder} has room for {room >> 20} MiB, and {LeastRoomBytes >> 20} MiB are needed; "
            + "set XDG_CACHE_HOME to a folder with more.");
    }

    private FileStream TakeLock()
    {
        while (true)
        {
            try
            {
                return new(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(Path.Combine(folder, "lock")))
            {
                progress.Show("waiting for another squib that fetches the guest");
                Thread.Sleep(LockPoll);
            }
        }
    }

    private void Fetch(GuestFlavour flavour, CachedGuest guest)
    {
        // Whoever holds the lock may clear away what an interrupted run has left.
        string work = Path.Combine(folder, "unfinished");
        if (Directory.Exists(work)) Directory.Delete(work, recursive: true);
        Directory.CreateDirectory(Path.Combine(work, "guest", "modules"));

        AptPackages apt = new(Path.Combine(folder, "apt"));
        string complaint = apt.Update(share => progress.Show("fetching the package lists", share));
        string kernel = apt.FindDependencies(flavour.MetaPackage)
            .FirstOrDefault(name => name.StartsWith("linux-image-", StringComparison.Ordinal))
            ?? throw NoPackage(flavour.MetaPackage, complaint);

        CachedGuest unfinished = new(Path.Combine(work, "guest"));
        string[] packages = [kernel, Userland];
        IReadOnlyList<string> files = apt.Download(
            packages, work, share => progress.Show($"fetching {string.Join(" and ", packages)}", share));
        progress.Show("unpacking the kernel and its modules");
        foreach (string file in files) AptPackages.Unpack(file, (name, entry) => Pick(name, entry, unfinished));
        Require(unfinished.KernelPath, kernel);
        Require(unfinished.BusyboxPath, Userland);
        SharedLibraries libraries = new(apt, work, progress);
        // From 1.8 on the program's file is socat1, and socat is a link to it.
        libraries.CopyProgram(SocketProgram, ["bin/socat", "bin/socat1"], unfinished.SocatPath, unfinished.LibrariesFolder);
        unfinished.WriteManifest(files.Concat(libraries.PackageFiles).Select(path => Path.GetFileName(path)));

        Directory.CreateDirectory(Path.GetDirectoryName(guest.Folder)!);
        if (Directory.Exists(guest.Folder)) Directory.Delete(guest.Folder, recursive: true);
        Directory.Move(unfinished.Folder, guest.Folder);
        Directory.Delete(work, recursive: true);
        progress.Clear();
    }

    private static UserErrorException NoPackage(string package, string complaint)
    {
        string why = AptPackages.FirstLine(complaint);
        return new(complaint.Contains("Failed to fetch", StringComparison.Ordinal)
            ? $"apt-get does not reach the package sources of this host ({why})."
            : $"apt-get finds no package {package} for arm64{(why.Length > 0 ? $" ({why})" : "")}; "
                + "it is one of Debian's.");
    }

    private static void Pick(string name, TarEntry entry, CachedGuest guest)
    {
        string file = Path.GetFileName(name);
        string module = file.EndsWith(".ko", StringComparison.Ordinal) ? file[..^3]
            : file.EndsWith(".ko.xz", StringComparison.Ordinal) ? file[..^6] : "";
        if (name.StartsWith("boot/vmlinuz-", StringComparison.Ordinal))
            entry.ExtractToFile(guest.KernelPath, overwrite: true);
        else if (name.EndsWith("bin/busybox", StringComparison.Ordinal))
            entry.ExtractToFile(guest.BusyboxPath, overwrite: true);
        else if (GuestFlavour.Modules.Contains(module))
            entry.ExtractToFile(Path.Combine(guest.ModulesFolder, file), overwrite: true);
    }

    private static void Require(string path, string package)
    {
        if (!File.Exists(path))
            throw new UserErrorException($"The package {package} holds no {Path.GetFileName(path)}.");
    }
}
