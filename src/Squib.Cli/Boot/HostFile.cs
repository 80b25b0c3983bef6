using Squib.Virtio.Devices.Block;
using Squib.Virtio.Host;

namespace Squib.Cli.Boot;

/// <summary>Opens files that the user names, and says in words why one cannot be used.</summary>
internal static class HostFile
{
    private const int SectorBytes = 512;

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

    /// <summary>Opens the image of a disk for this process alone, or for readers alone where the guest only reads.</summary>
    /// <remarks>
    /// The lock is advisory: <c>flock(2)</c> on Linux, which .NET takes for <see cref="FileShare"/>. Another squib is refused;
    /// programs that ask for no lock, such as e2fsck, work as ever.
    /// </remarks>
    /// <param name="drive">The drive.</param>
    /// <exception cref="UserErrorException">The image cannot be used.</exception>
    public static FileBlockBackend OpenImage(DriveOptions drive)
    {
        string path = drive.Path;
        if (Directory.Exists(path)) throw Refusal(path, "it is a directory");
        if (!File.Exists(path)) throw Refusal(path, "there is no such file");

        // A pipe or a device has no length of its own; looking before opening also keeps a pipe from blocking us.
        long length = new FileInfo(path).Length;
        if (length == 0) throw Refusal(path, "it is empty or not a regular file");
        if (length % SectorBytes != 0)
            throw Refusal(path, $"its length of {length} bytes is not a multiple of {SectorBytes}");
        if (!drive.ReadOnly && (File.GetAttributes(path) & FileAttributes.ReadOnly) != 0)
            throw Refusal(path, "it is read-only; add ,ro to let the guest only read it");
        try
        {
            return OperatingSystem.IsLinux()
                ? FileBlockBackend.Open(path, drive.ReadOnly, FileRanges.PunchHole, FileRanges.Zero)
                : FileBlockBackend.Open(path, drive.ReadOnly);
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw Refusal(path, Explain(error, path), error);
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
        _ when error.Message.Contains("used by another process", StringComparison.Ordinal) =>
            "it is in use: another process has locked it",
        _ => UserErrorException.OneLine(error.Message).TrimEnd('.'),
    };

    private static UserErrorException Refusal(string path, string why, Exception? cause = null) =>
        new($"The drive {path} cannot be used: {why}.", cause);
}
