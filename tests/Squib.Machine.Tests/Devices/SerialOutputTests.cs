using System.Text;
using Squib.Machine.Devices;
using Xunit;

namespace Squib.Machine.Tests.Devices;

public sealed class SerialOutputTests : IDisposable
{
    private readonly MemoryStream screen = new();
    private readonly SerialOutput output;

    public SerialOutputTests() => output = new SerialOutput(screen);

    private string Shown => Encoding.ASCII.GetString(screen.ToArray());

    [Fact]
    public void A_line_is_shown_when_it_ends()
    {
        Print("half");
        Assert.Equal("", Shown);
        Print(" and half\n");
        Assert.Equal("half and half\n", Shown);
    }

    [Fact]
    public void A_prompt_is_shown_when_nothing_follows()
    {
        Print("login: ");
        output.FlushSettled();
        Assert.Equal("", Shown);
        output.FlushSettled();
        Assert.Equal("login: ", Shown);
    }

    [Fact]
    public void A_line_without_end_is_shown_piece_by_piece()
    {
        Print(new string('x', 2000));
        Assert.Equal(1536, screen.Length);
        output.Flush();
        Assert.Equal(2000, screen.Length);
    }

    [Theory]
    [InlineData("[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs", true)]
    [InlineData("KKernel panic - not syncing", true)]
    [InlineData("Kernel panic - Kernel panic - not syncing", true)]
    [InlineData("Kernel panic - not syncin", false)]
    [InlineData("kernel panic - not syncing", false)]
    public void A_panic_is_seen(string text, bool expected)
    {
        Print(text);
        Assert.Equal(expected, output.PanicSeen);
    }

    [Fact]
    public void A_panic_is_seen_across_flushes_and_without_a_stream()
    {
        SerialOutput silent = new(null);
        foreach (byte value in "Kernel panic - not syncing"u8)
        {
            silent.Write(value);
            silent.Flush();
        }

        Assert.True(silent.PanicSeen);
    }

    [Fact]
    public void A_stream_that_fails_does_not_reach_the_guest_and_is_left_alone()
    {
        screen.Close();
        Print("one\n");
        Print("two\n");
        Print("Kernel panic - not syncing\n");
        Assert.True(output.PanicSeen);
    }

    public void Dispose() => screen.Dispose();

    private void Print(string text)
    {
        foreach (char c in text) output.Write((byte)c);
    }
}
