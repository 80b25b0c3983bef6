using Squib.Cli;
using Squib.Cli.Boot;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class StreamTargetTests
{
    [Fact]
    public void A_file_is_opened_for_output_and_emptied()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("log", [1, 2, 3]);
        using (Stream? file = StreamTarget.Parse("--serial", $"file={path}").OpenOutput(Stream.Null))
            file!.WriteByte(9);
        Assert.Equal([9], File.ReadAllBytes(path));
    }

    [Fact]
    public void Stdio_is_the_stream_at_hand_and_off_is_none()
    {
        using MemoryStream screen = new();
        Assert.Same(screen, StreamTarget.Parse("--serial", "stdio").OpenOutput(screen));
        Assert.Null(StreamTarget.Parse("--serial", "off").OpenOutput(screen));
    }

    [Theory]
    [InlineData("")]
    [InlineData("file=")]
    [InlineData("tty")]
    public void Anything_else_is_refused(string text) =>
        Assert.Throws<UserErrorException>(() => StreamTarget.Parse("--serial", text));
}
