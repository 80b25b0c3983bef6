using System.Text;
using Squib.Cli.Guest;
using Xunit;

namespace Squib.Boot.Tests.Guest;

public sealed class CpioArchiveTests
{
    [Fact]
    public void Entries_are_headers_names_and_contents_at_multiples_of_four()
    {
        CpioArchive archive = new();
        archive.AddFolder("bin");
        archive.AddFile("bin/tool", [1, 2, 3], executable: true);
        archive.AddLink("init", "bin/tool");
        byte[] bytes = archive.Finish();

        List<(string Name, string Mode, byte[] Content)> entries = Read(bytes);
        Assert.Equal(["bin", "bin/tool", "init", "TRAILER!!!"], entries.Select(entry => entry.Name));
        Assert.Equal(["000041ED", "000081ED", "0000A1FF", "00000000"], entries.Select(entry => entry.Mode));
        Assert.Equal([1, 2, 3], entries[1].Content);
        Assert.Equal("bin/tool"u8, entries[2].Content);
        Assert.Equal(0, bytes.Length % 4);
    }

    private static List<(string Name, string Mode, byte[] Content)> Read(byte[] archive)
    {
        List<(string, string, byte[])> entries = [];
        for (int at = 0; at < archive.Length;)
        {
            string header = Encoding.ASCII.GetString(archive, at, 110);
            Assert.StartsWith("070701", header, StringComparison.Ordinal);
            int length = Convert.ToInt32(header.Substring(54, 8), 16);
            int nameLength = Convert.ToInt32(header.Substring(94, 8), 16);
            string name = Encoding.ASCII.GetString(archive, at + 110, nameLength - 1);
            at = Align(at + 110 + nameLength);
            entries.Add((name, header.Substring(14, 8), archive[at..(at + length)]));
            at = Align(at + length);
        }

        return entries;
    }

    private static int Align(int offset) => (offset + 3) & ~3;
}
