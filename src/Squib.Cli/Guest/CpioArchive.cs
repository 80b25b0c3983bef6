using System.Globalization;
using System.Text;

namespace Squib.Cli.Guest;

/// <summary>
/// Writes an archive that Linux unpacks as its initial file system: cpio in the "newc" form, not compressed.
/// </summary>
/// <remarks>Linux, Documentation/driver-api/early-userspace/buffer-format.rst.</remarks>
internal sealed class CpioArchive
{
    private const int FolderMode = 0x41ED; // 0o040755
    private const int LinkMode = 0xA1FF; // 0o120777
    private const int FileMode = 0x81A4; // 0o100644
    private const int ProgramMode = 0x81ED; // 0o100755

    private readonly List<byte> archive = [];
    private int nextInode = 1;

    /// <summary>Adds a folder.</summary>
    /// <param name="name">Its path without a leading slash; its parent comes first.</param>
    public void AddFolder(string name) => Add(name, FolderMode, []);

    /// <summary>Adds a symbolic link.</summary>
    /// <param name="name">Its path without a leading slash.</param>
    /// <param name="target">What it points to.</param>
    public void AddLink(string name, string target) => Add(name, LinkMode, Encoding.UTF8.GetBytes(target));

    /// <summary>Adds a file.</summary>
    /// <param name="name">Its path without a leading slash.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="executable">Whether everybody may execute it.</param>
    public void AddFile(string name, ReadOnlySpan<byte> content, bool executable = false) =>
        Add(name, executable ? ProgramMode : FileMode, content);

    /// <summary>Ends the archive.</summary>
    /// <returns>All of its bytes.</returns>
    public byte[] Finish()
    {
        Add("TRAILER!!!", 0, []);
        return [.. archive];
    }

    private void Add(string name, int mode, ReadOnlySpan<byte> content)
    {
        byte[] nameBytes = Encoding.UTF8.GetBytes(name + '\0');
        int links = (mode & 0xF000) == (FolderMode & 0xF000) ? 2 : 1;

        // The magic number, then thirteen fields of eight hexadecimal digits: inode, mode, owner, group, links, time,
        // size, four device numbers, the length of the name and a checksum that this form does not use.
        int[] fields = [nextInode++, mode, 0, 0, links, 0, content.Length, 0, 0, 0, 0, nameBytes.Length, 0];
        string header = "070701"
            + string.Concat(fields.Select(field => field.ToString("X8", CultureInfo.InvariantCulture)));
        archive.AddRange(Encoding.ASCII.GetBytes(header));
        archive.AddRange(nameBytes);
        Pad();
        archive.AddRange(content);
        Pad();
    }

    private void Pad()
    {
        while (archive.Count % 4 != 0) archive.Add(0);
    }
}
