using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Squib.Virtio.Host.Tests;

public sealed class FileRangesTests : IDisposable
{
    private const int Block = 65_536;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-test-");

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_range_reads_as_zeros_and_the_rest_and_the_size_stay(bool zero)
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Only Linux is asked.");
        else
        {
            string path = Path.Combine(folder.FullName, "image");
            File.WriteAllBytes(path, [.. Enumerable.Repeat((byte)1, 3 * Block)]);
            using (SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
            {
                bool done = zero ? FileRanges.Zero(file, Block, Block) : FileRanges.PunchHole(file, Block, Block);
                Assert.SkipUnless(done, "The file system cannot.");
            }

            byte[] content = File.ReadAllBytes(path);
            Assert.Equal(3 * Block, content.Length);
            Assert.Equal(-1, content.AsSpan(0, Block).IndexOfAnyExcept((byte)1));
            Assert.Equal(-1, content.AsSpan(Block, Block).IndexOfAnyExcept((byte)0));
            Assert.Equal(-1, content.AsSpan(2 * Block).IndexOfAnyExcept((byte)1));
        }
    }

    [Fact]
    public void A_file_that_is_open_for_reading_only_is_an_error_and_no_missing_ability()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Only Linux is asked.");
        string path = Path.Combine(folder.FullName, "image");
        File.WriteAllBytes(path, new byte[Block]);
        using SafeFileHandle file = File.OpenHandle(path);
        Assert.Throws<IOException>([SupportedOSPlatform("linux")] () => Punch(file));
    }

    [SupportedOSPlatform("linux")]
    private static bool Punch(SafeFileHandle file) => FileRanges.PunchHole(file, 0, Block);
}
