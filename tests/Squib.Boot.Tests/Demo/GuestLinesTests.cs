using System.Text;
using Squib.Cli.Demo;
using Xunit;

namespace Squib.Boot.Tests.Demo;

public sealed class GuestLinesTests
{
    [Fact]
    public void Output_is_shown_as_it_comes_and_lines_are_told_when_they_end()
    {
        List<string> lines = [];
        using MemoryStream screen = new();
        using GuestLines stream = new(screen, lines.Add);
        stream.Write("INIT 6.1\r\nSELF"u8);
        Assert.Equal(["INIT 6.1"], lines);
        Assert.Equal("INIT 6.1\nSELF", Encoding.UTF8.GetString(screen.ToArray()));
        stream.Write("TEST\n\n"u8);
        Assert.Equal(["INIT 6.1", "SELFTEST", ""], lines);
    }

    [Fact]
    public void A_line_without_end_does_not_grow_without_end()
    {
        List<string> lines = [];
        using GuestLines stream = new(Stream.Null, lines.Add);
        for (int i = 0; i < 100; i++) stream.Write(new byte[1000]);
        stream.Write("\n"u8);
        Assert.Equal(4096, Assert.Single(lines).Length);
    }
}
