using System.IO.Compression;
using System.Text;
using Squib.Machine.Boot;
using Xunit;

namespace Squib.Machine.Tests.Boot;

public sealed class KernelImageTests
{
    public static TheoryData<byte[], string> Refusals => new()
    {
        { [], "an empty file" },
        {
            [0x7F, 0x45, 0x4C, 0x46, 2, 1, .. new byte[12], 183, 0, .. new byte[80]],
            "an ELF file for arm64, perhaps vmlinux"
        },
        { [0x7F, 0x45, 0x4C, 0x46, 2, 1, .. new byte[12], 62, 0, .. new byte[80]], "an ELF file for x86-64" },
        { [0x7F, 0x45, 0x4C, 0x46, 2, 2, .. new byte[12], 0, 22, .. new byte[80]], "an ELF file for machine 22" },
        { [0x7F, 0x45, 0x4C, 0x46], "the beginning of an ELF file" },
        { [.. "MZ"u8, .. new byte[0x200], .. "HdrS"u8, .. new byte[80]], "an x86 kernel (bzImage)" },
        { [.. "MZ\0\0zimg"u8, .. new byte[16], .. "zstd22"u8, .. new byte[80]], "an EFI zboot image (zstd22)" },
        { [.. "MZ"u8, .. new byte[200]], "an EFI or Windows program without the header of an Image" },
        { [.. new byte[0x30], .. "RISCV"u8, .. new byte[80]], "a RISC-V kernel" },
        { [.. new byte[0x24], 0x18, 0x28, 0x6F, 0x01, .. new byte[80]], "a 32-bit ARM kernel (zImage)" },
        { [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, .. new byte[80]], "an xz-compressed file" },
        { [0x28, 0xB5, 0x2F, 0xFD, .. new byte[80]], "a zstd-compressed file" },
        { [.. "070701"u8, .. new byte[80]], "a cpio archive, perhaps the initrd" },
        { [0x27, 0x05, 0x19, 0x56, .. new byte[80]], "a U-Boot image (uImage)" },
        { [0xD0, 0x0D, 0xFE, 0xED, .. new byte[80]], "a device tree or a FIT image" },
        { Encoding.ASCII.GetBytes("#!/bin/sh\necho no kernel\n"), "a text file (\"#!/bin/sh\")" },
        { Encoding.ASCII.GetBytes(new string('a', 500)), "a text file (\"aaaaaaaaaaaaaaaaaaaaaaaa…\")" },
        { new byte[10], "a file of 10 bytes, too short for the header of 64" },
        { [0xAB, .. new byte[99]], "something unknown that begins with AB00000000000000" },
    };

    [Fact]
    public void An_image_is_taken_as_it_is()
    {
        byte[] file = Images.Bytes(imageSize: 0x1ab0000, textOffset: 0x80000);
        KernelImage kernel = KernelImage.Parse(file);
        Assert.Equal(0x80000ul, kernel.TextOffset);
        Assert.Equal(0x1ab0000ul, kernel.MemoryBytes);
        Assert.Equal(file, kernel.Bytes.ToArray());
    }

    [Fact]
    public void A_file_longer_than_its_image_counts_in_full() =>
        Assert.Equal(9000ul, KernelImage.Parse(Images.Bytes(imageSize: 100, length: 9000)).MemoryBytes);

    [Fact]
    public void A_gzip_compressed_image_is_unpacked()
    {
        byte[] image = Images.Bytes(length: 100_000);
        Assert.Equal(image, KernelImage.Parse(Gzip(image)).Bytes.ToArray());
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_refusal_says_what_was_found(byte[] file, string kind)
    {
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => KernelImage.Parse(file));
        Assert.StartsWith($"The kernel is not an arm64 Image but {kind}. ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refusal_of_what_is_compressed_says_so()
    {
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => KernelImage.Parse(Gzip("hello\n"u8)));
        Assert.StartsWith(
            "What is in the gzip-compressed kernel is not an arm64 Image but a text file (\"hello\"). ",
            refusal.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x1F, 0x8B, 0x08, 0x00)]
    [InlineData(0x1F, 0x8B, 0xFF, 0xFF)]
    public void A_broken_gzip_file_is_refused(params int[] start)
    {
        byte[] file = [.. start.Select(value => (byte)value), .. Enumerable.Repeat((byte)0xEE, 60)];
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => KernelImage.Parse(file));
        const string Expected = "The kernel is compressed with gzip but cannot be unpacked: ";
        Assert.StartsWith(Expected, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4096ul, 0ul, 0xBul, "is a big-endian arm64 Image; the machine is little-endian.")]
    [InlineData(4096ul, 0ul, 0x4ul, "was built for pages of 16 KiB; the machine's CPU has pages of 4 KiB.")]
    [InlineData(4096ul, 0ul, 0x6ul, "was built for pages of 64 KiB; the machine's CPU has pages of 4 KiB.")]
    [InlineData(
        0ul, 0ul, 0xAul, "does not say how much memory it needs (image_size is 0); Linux does since version 3.17.")]
    [InlineData(4096ul, 0x200000ul, 0xAul, "has a broken header: its text_offset of 0x200000 is not below 2 MiB.")]
    public void An_image_that_cannot_run_is_refused(ulong imageSize, ulong textOffset, ulong flags, string reason)
    {
        byte[] file = Images.Bytes(imageSize, textOffset, flags);
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => KernelImage.Parse(file));
        Assert.Equal($"The kernel {reason}", refusal.Message);
    }

    [Fact]
    public void A_refusal_of_a_file_names_the_file()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "text");
            InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => KernelImage.Load(path));
            Assert.StartsWith(path + ": The kernel is not an arm64 Image", refusal.Message, StringComparison.Ordinal);
            File.WriteAllBytes(path, Images.Bytes());
            Assert.Equal(4096ul, KernelImage.Load(path).MemoryBytes);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static byte[] Gzip(ReadOnlySpan<byte> bytes)
    {
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return packed.ToArray();
    }
}
