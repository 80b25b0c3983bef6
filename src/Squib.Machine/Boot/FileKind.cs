using System.Buffers.Binary;
using System.Text;

namespace Squib.Machine.Boot;

/// <summary>Recognises what people pass for a kernel, so that a refusal can say what it is.</summary>
internal static class FileKind
{
    private const int QuotedCharacters = 24;

    /// <summary>How a gzip file begins.</summary>
    public static ReadOnlySpan<byte> Gzip => [0x1F, 0x8B];

    /// <summary>Names the kind of a file that is not an arm64 Image, as the end of a sentence.</summary>
    /// <param name="file">Its bytes.</param>
    public static string Describe(ReadOnlySpan<byte> file)
    {
        if (file.IsEmpty) return "an empty file";
        if (Begins(file, [0x7F, 0x45, 0x4C, 0x46])) return DescribeElf(file);
        if (Has(file, 0x202, "HdrS"u8)) return "an x86 kernel (bzImage)";
        if (Begins(file, "MZ"u8) && Has(file, 4, "zimg"u8)) return $"an EFI zboot image ({ZbootCompression(file)})";
        if (Has(file, 0x30, "RISCV"u8)) return "a RISC-V kernel";
        if (Has(file, 8, "loongarch"u8)) return "a LoongArch kernel";
        if (Has(file, 0x24, [0x18, 0x28, 0x6F, 0x01])) return "a 32-bit ARM kernel (zImage)";
        if (Begins(file, "MZ"u8)) return "an EFI or Windows program without the header of an Image";
        if (DescribeContainer(file) is { } container) return container;
        if (IsText(file)) return $"a text file (\"{Quote(file)}\")";
        if (file.Length < 64) return $"a file of {file.Length} bytes, too short for the header of 64";
        return $"something unknown that begins with {Convert.ToHexString(file[..8])}";
    }

    /// <summary>Says what to do about it.</summary>
    /// <param name="file">The bytes of a file that is not an arm64 Image.</param>
    public static string Advice(ReadOnlySpan<byte> file)
    {
        if (Begins(file, [0x7F, 0x45, 0x4C, 0x46]))
            return "Take arch/arm64/boot/Image of the kernel's build, or a distribution's vmlinuz.";
        if (Begins(file, "MZ"u8) && Has(file, 4, "zimg"u8))
            return "Unpack it: the compressed Image begins at the offset in bytes 8 to 11.";
        return "Pass an uncompressed or gzip-compressed arm64 Image.";
    }

    private static string? DescribeContainer(ReadOnlySpan<byte> file)
    {
        if (Begins(file, Gzip)) return "another gzip file";
        if (Begins(file, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00])) return "an xz-compressed file";
        if (Begins(file, [0x28, 0xB5, 0x2F, 0xFD])) return "a zstd-compressed file";
        if (Begins(file, "BZh"u8)) return "a bzip2-compressed file";
        if (Begins(file, [0x02, 0x21, 0x4C, 0x18]) || Begins(file, [0x04, 0x22, 0x4D, 0x18]))
            return "an lz4-compressed file";
        if (Begins(file, [0x5D, 0x00, 0x00])) return "an lzma-compressed file";
        if (Begins(file, [0x89, 0x4C, 0x5A, 0x4F])) return "an lzo-compressed file";
        if (Begins(file, [0x27, 0x05, 0x19, 0x56])) return "a U-Boot image (uImage)";
        if (Begins(file, [0xD0, 0x0D, 0xFE, 0xED])) return "a device tree or a FIT image";
        if (Begins(file, "070701"u8) || Begins(file, "070702"u8)) return "a cpio archive, perhaps the initrd";
        if (Begins(file, "!<arch>"u8)) return "an archive, perhaps a Debian package";
        if (Begins(file, [0x51, 0x46, 0x49, 0xFB])) return "a qcow2 disk image";
        return null;
    }

    private static string DescribeElf(ReadOnlySpan<byte> file)
    {
        if (file.Length < 20) return "the beginning of an ELF file";
        ushort machine = file[5] == 2
            ? BinaryPrimitives.ReadUInt16BigEndian(file[18..])
            : BinaryPrimitives.ReadUInt16LittleEndian(file[18..]);
        return machine switch
        {
            183 => "an ELF file for arm64, perhaps vmlinux",
            62 => "an ELF file for x86-64",
            3 => "an ELF file for x86",
            40 => "an ELF file for 32-bit ARM",
            243 => "an ELF file for RISC-V",
            _ => $"an ELF file for machine {machine}",
        };
    }

    private static string ZbootCompression(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> name = file.Length >= 56 ? file[24..56] : default;
        int end = name.IndexOf((byte)0);
        if (end >= 0) name = name[..end];
        return name.IsEmpty || !IsText(name) ? "compressed" : Quote(name);
    }

    private static bool Begins(ReadOnlySpan<byte> file, ReadOnlySpan<byte> magic) => file.StartsWith(magic);

    private static bool Has(ReadOnlySpan<byte> file, int offset, ReadOnlySpan<byte> magic) =>
        file.Length >= offset && file[offset..].StartsWith(magic);

    private static bool IsText(ReadOnlySpan<byte> file)
    {
        foreach (byte value in file[..Math.Min(file.Length, 256)])
        {
            if (value is < 0x20 or 0x7F && value is not ((byte)'\n' or (byte)'\r' or (byte)'\t')) return false;
        }

        return true;
    }

    private static string Quote(ReadOnlySpan<byte> text)
    {
        int end = text.IndexOfAny((byte)'\n', (byte)'\r', (byte)'\t');
        if (end >= 0) text = text[..end];
        bool cut = text.Length > QuotedCharacters;
        return Encoding.UTF8.GetString(cut ? text[..QuotedCharacters] : text) + (cut ? "…" : "");
    }
}
