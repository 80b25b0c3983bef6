using Squib.Cli;
using Squib.Cli.Boot;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class MemoryDeviceOptionsTests
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData("", 0)]
    [InlineData("target=64M", 64 * MiB)]
    [InlineData("target=4K", 4096)]
    public void A_balloon_has_a_target_or_none(string text, long bytes) =>
        Assert.Equal(bytes, Parse(balloon: text).BalloonTarget);

    [Fact]
    public void Without_options_there_are_no_devices()
    {
        MemoryDeviceOptions options = Parse();
        Assert.Null(options.BalloonTarget);
        Assert.Equal(0, options.Count);
        Assert.Equal(5, MemoryDeviceOptions.Parse("", ["file=a", "file=b"], "size=128M", bootTimer: true).Count);
    }

    [Fact]
    public void Files_are_persistent_memory_in_their_order()
    {
        string[] files = ["file=a,,b", "ro,file=c", "file=d,private"];
        MemoryDeviceOptions options = MemoryDeviceOptions.Parse(null, files, null, false);
        Assert.Equal([new("a,b", false, false), new("c", true, false), new("d", false, true)], options.PmemFiles);
    }

    [Fact]
    public void Memory_to_plug_has_a_size_and_perhaps_some_of_it_at_first()
    {
        MemoryDeviceOptions options = Parse(hotplug: "size=1G");
        Assert.Equal((1024 * MiB, 0), (options.HotplugBytes, options.HotplugRequested));
        options = Parse(hotplug: "requested=256M,size=1G");
        Assert.Equal((1024 * MiB, 256 * MiB), (options.HotplugBytes, options.HotplugRequested));
    }

    [Theory]
    [InlineData("target", null, null)]
    [InlineData("target=", null, null)]
    [InlineData("target=1,target=1", null, null)]
    [InlineData("size=1", null, null)]
    [InlineData("target=1K", null, null)]
    [InlineData("target=x", null, null)]
    [InlineData(null, "", null)]
    [InlineData(null, "ro", null)]
    [InlineData(null, "file=", null)]
    [InlineData(null, "file=a,ro=1", null)]
    [InlineData(null, "file=a,ro,private", null)]
    [InlineData(null, null, "")]
    [InlineData(null, null, "requested=128M")]
    [InlineData(null, null, "size=0")]
    [InlineData(null, null, "size=100M")]
    [InlineData(null, null, "size=128M,requested=1M")]
    [InlineData(null, null, "size=128M,requested=256M")]
    public void What_makes_no_sense_is_refused_in_one_line(string? balloon, string? pmem, string? hotplug)
    {
        UserErrorException error = Assert.Throws<UserErrorException>(
            () => MemoryDeviceOptions.Parse(balloon, pmem is null ? [] : [pmem], hotplug, false));
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("--balloon", "target=1G", "RAM")]
    [InlineData("--pmem", "file=/nowhere/at/all", "there is no such file")]
    [InlineData("--hotplug-memory", "size=1M", "multiple")]
    public void A_device_that_cannot_be_made_is_one_line_and_exit_code_2(string option, string text, string says)
    {
        string kernel = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(kernel, KernelBytes());
            (int exitCode, _, string error) = InProcess.Run(["boot", "--kernel", kernel, option, text]);
            Assert.Equal(2, exitCode);
            Assert.Single(error.TrimEnd().Split('\n'));
            Assert.Contains(says, error, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(kernel);
        }
    }

    // The header of an arm64 Image of 64 KiB.
    private static byte[] KernelBytes()
    {
        byte[] bytes = new byte[65_536];
        BitConverter.TryWriteBytes(bytes.AsSpan(16), 65_536L);
        BitConverter.TryWriteBytes(bytes.AsSpan(24), 0xaL);
        "ARM\x64"u8.CopyTo(bytes.AsSpan(56));
        return bytes;
    }

    private static MemoryDeviceOptions Parse(string? balloon = null, string? hotplug = null) =>
        MemoryDeviceOptions.Parse(balloon, [], hotplug, false);
}
