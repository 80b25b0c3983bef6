using Squib.Virtio.Devices.Block;
using Squib.Virtio.Host;

namespace Squib.Cli.Boot;

/// <summary>Opens files that the user names, and says in words why one cannot be used.</summary>
internal static class HostFile
{
    /// <summary>Reads all of a file.</summary>
    /// <param name="what">What it is to the user, such as "initrd".</param>
    /// <param name="path">The file.</param>
    /// <exception cref="UserErrorException">It cannot be read, or is empty.</exception>
    public static byte[] ReadAll(string what, string path)
    {
        try
        {
            byte[] content = File.ReadAllBytes(path);
            return content.Length > 0 ? content : throw new UserErrorException($"The {what} {path} is empty.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new UserErrorException($"The {what} {path} cannot be read: {Explain(error, path)}.", error);
        }
    }

    /// <summary>
    /// Opens the image of a disk for this process alone, or for readers alone where the guest only reads.
    /// </summary>
    /// <remarks>
    /// The lock is advisory: <c>flock(2)</c> on Linux, which .NET takes for <see cref="FileShare"/>. Another squib is
    /// refused; programs that ask for no lock, such as e2fsck, work as ever.
    /// </remarks>
    /// <param name="drive">The drive.</param>
    /// <exception cref="UserErrorException">The image cannot be used.</exception>
    public static FileBlockBackend OpenImage(DriveOptions drive)
    {
        string path = drive.Path;
        if (File.Exists(path))
        {
            // A pipe or a device has no length of its own; looking before opening also keeps a pipe from blocking us.
            if (new FileInfo(path).Length == 0)
                throw new UserErrorException($"The drive {path} is empty or not a regular file.");
            if (!drive.ReadOnly && (File.GetAttributes(path) & FileAttributes.ReadOnly) != 0)
                throw new UserErrorException($"The drive {path} is read-only; add ,ro to let the guest only read it.");
        }

        try
        {
            return OperatingSystem.IsLinux()
                ? FileBlockBackend.Open(path, drive.ReadOnly, FileRanges.PunchHole, FileRanges.Zero, FileFlush.ToDisk)
                : FileBlockBackend.Open(path, drive.ReadOnly);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"The drive {error.Message}", error);
        }
    }

    /// <summary>Opens the image of a disk past the host's page cache as well.</summary>
    /// <param name="image">The image, which stays the caller's until this has succeeded.</param>
    /// <param name="path">Its file.</param>
    /// <exception cref="UserErrorException">This host cannot.</exception>
    public static IBlockBackend OpenDirect(FileBlockBackend image, string path)
    {
        if (!OperatingSystem.IsLinux())
            throw new UserErrorException($"The drive {path} cannot be direct: only Linux has a way past the page cache.");
        try
        {
            return DirectFileBlockBackend.Open(image, path);
        }
        catch (IOException error)
        {
            throw new UserErrorException($"The drive {error.Message}", error);
        }
    }

    /// <summary>Why the host refuses a file, in a few words without a full stop.</summary>
    /// <param name="error">What the runtime threw.</param>
    /// <param name="path">The file.</param>
    public static string Explain(Exception error, string path) => error switch
    {
        FileNotFoundException or DirectoryNotFoundException => "there is no such file",
        _ when Directory.Exists(path) => "it is a directory",
        UnauthorizedAccessException => "the permission is missing",
        _ => UserErrorException.OneLine(error.Message).TrimEnd('.'),
    };
}
