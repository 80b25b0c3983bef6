using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Squib.Cli.Demo;

/// <summary>
/// The images of the demo's two disks: what the host puts there and what it expects to find after the run.
/// </summary>
internal static class DemoDisk
{
    /// <summary>The size of a sector in bytes.</summary>
    public const int SectorBytes = 512;

    /// <summary>
    /// The length of what the guest writes to the scratch disk and reads from the read-only one, in sectors.
    /// </summary>
    public const int PatternSectors = 512;

    /// <summary>Makes an empty image that occupies no space yet.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bytes">Its length.</param>
    public static void CreateEmpty(string path, long bytes)
    {
        using SafeFileHandle image = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        RandomAccess.SetLength(image, bytes);
    }

    /// <summary>Makes an image whose first 256 KiB are random.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bytes">Its length.</param>
    /// <returns>The sum of the random part as the guest tells it: the first 16 digits of its SHA-256.</returns>
    public static string CreateRandom(string path, long bytes)
    {
        byte[] content = RandomNumberGenerator.GetBytes(PatternSectors * SectorBytes);
        using SafeFileHandle image = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        RandomAccess.SetLength(image, bytes);
        RandomAccess.Write(image, content, 0);
        return Convert.ToHexStringLower(SHA256.HashData(content))[..16];
    }

    /// <summary>
    /// Compares an image with what the guest says it has written: 512 sectors that tell their number.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="first">The number of the first of them.</param>
    /// <returns>The number of the first sector that holds something else, or null if all is well.</returns>
    public static long? FindWrongSector(string path, long first)
    {
        using SafeFileHandle image = File.OpenHandle(path);
        byte[] found = new byte[SectorBytes];
        for (long sector = first; sector < first + PatternSectors; sector++)
        {
            RandomAccess.Read(image, found, sector * SectorBytes);
            if (!found.AsSpan().SequenceEqual(ExpectedSector(sector))) return sector;
        }

        return null;
    }

    /// <summary>What the guest writes to a sector of the scratch disk.</summary>
    /// <param name="sector">The number of the sector.</param>
    public static byte[] ExpectedSector(long sector) =>
        Encoding.ASCII.GetBytes($"squib sector {sector}".PadRight(SectorBytes - 1) + "\n");
}
