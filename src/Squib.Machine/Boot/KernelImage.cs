using System.Buffers.Binary;
using System.IO.Compression;

namespace Squib.Machine.Boot;

/// <summary>An arm64 Linux kernel in the Image format, unpacked and looked over.</summary>
/// <remarks>Linux, Documentation/arch/arm64/booting.rst — a header of 64 bytes, little-endian.</remarks>
public sealed class KernelImage
{
    /// <summary>The size of an unpacked kernel at most; a compressed one that grows beyond is refused.</summary>
    public const int MaxBytes = 1 << 29;

    private const int HeaderBytes = 64;
    private const int MagicOffset = 56;
    private const ulong Alignment = 2 << 20;
    private const ulong BigEndian = 1 << 0;

    private KernelImage(ReadOnlyMemory<byte> bytes, ulong textOffset, ulong imageSize)
    {
        Bytes = bytes;
        TextOffset = textOffset;
        MemoryBytes = Math.Max(imageSize, (ulong)bytes.Length);
    }

    /// <summary>What is copied to guest memory.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>How far behind a multiple of 2 MiB the kernel wants to lie, in bytes.</summary>
    public ulong TextOffset { get; }

    /// <summary>
    /// The memory that the kernel needs from its first byte on, with what it clears itself, in bytes.
    /// </summary>
    public ulong MemoryBytes { get; }

    private static ReadOnlySpan<byte> Magic => "ARM\x64"u8;

    /// <summary>Reads a kernel from a file: an Image, or one compressed with gzip.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file is something else; the message says what.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static KernelImage Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] file = File.ReadAllBytes(path);
        try
        {
            return Parse(file);
        }
        catch (InvalidDataException refusal)
        {
            throw new InvalidDataException($"{path}: {refusal.Message}", refusal);
        }
    }

    /// <summary>Looks over a kernel in memory: an Image, or one compressed with gzip.</summary>
    /// <param name="file">The bytes; the result keeps them if they are an uncompressed Image.</param>
    /// <exception cref="InvalidDataException">The bytes are something else; the message says what.</exception>
    public static KernelImage Parse(byte[] file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (!file.AsSpan().StartsWith(FileKind.Gzip)) return ParseImage(file, "The kernel");
        return ParseImage(Unpack(file), "What is in the gzip-compressed kernel");
    }

    private static KernelImage ParseImage(ReadOnlyMemory<byte> image, string subject)
    {
        ReadOnlySpan<byte> header = image.Span;
        if (header.Length < HeaderBytes || !header.Slice(MagicOffset, Magic.Length).SequenceEqual(Magic))
        {
            throw new InvalidDataException(
                $"{subject} is not an arm64 Image but {FileKind.Describe(header)}. {FileKind.Advice(header)}");
        }

        ulong textOffset = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        ulong imageSize = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
        ulong flags = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        if ((flags & BigEndian) != 0)
            throw new InvalidDataException($"{subject} is a big-endian arm64 Image; the machine is little-endian.");
        if (((flags >> 1) & 3) is var pages and > 1)
        {
            int size = pages == 2 ? 16 : 64;
            throw new InvalidDataException(
                $"{subject} was built for pages of {size} KiB; the machine's CPU has pages of 4 KiB.");
        }

        if (imageSize == 0)
        {
            throw new InvalidDataException(
                $"{subject} does not say how much memory it needs (image_size is 0); Linux does since version 3.17.");
        }

        if (textOffset >= Alignment)
        {
            throw new InvalidDataException(
                $"{subject} has a broken header: its text_offset of 0x{textOffset:x} is not below 2 MiB.");
        }

        return new KernelImage(image, textOffset, imageSize);
    }

    private static byte[] Unpack(byte[] file)
    {
        using MemoryStream unpacked = new();
        try
        {
            using GZipStream gzip = new(new MemoryStream(file), CompressionMode.Decompress);
            byte[] piece = new byte[1 << 16];
            for (int length; (length = gzip.Read(piece)) > 0;)
            {
                if (unpacked.Length + length > MaxBytes)
                    throw new InvalidDataException($"it grows beyond {MaxBytes >> 20} MiB");
                unpacked.Write(piece, 0, length);
            }
        }
        catch (InvalidDataException broken)
        {
            throw new InvalidDataException(
                $"The kernel is compressed with gzip but cannot be unpacked: {broken.Message.TrimEnd('.')}.", broken);
        }

        return unpacked.ToArray();
    }
}
