using System.Buffers.Binary;
using System.Text;

namespace Squib.Cli.Guest;

/// <summary>What a program or a library of an arm64 Linux says of the libraries that it is linked with.</summary>
/// <param name="Name">The name under which others need it, or null: a program, or what is no ELF file at all.</param>
/// <param name="Needs">The names of the libraries that it needs.</param>
internal sealed record ElfFile(string? Name, IReadOnlyList<string> Needs)
{
    private const int ProgramHeaderBytes = 56;
    private const int DynamicEntryBytes = 16;
    private const uint LoadSegment = 1;
    private const uint DynamicSegment = 2;
    private const ulong NeededTag = 1;
    private const ulong StringTableTag = 5;
    private const ulong NameTag = 14;

    private static readonly ElfFile Nothing = new(null, []);

    /// <summary>Reads a file.</summary>
    /// <param name="file">Its bytes.</param>
    /// <returns>What it says; nothing where it is no 64-bit little-endian ELF file with a dynamic section.</returns>
    /// <exception cref="InvalidDataException">The file is cut off.</exception>
    public static ElfFile Read(ReadOnlySpan<byte> file)
    {
        if (!file.StartsWith("\u007FELF\u0002\u0001"u8)) return Nothing;
        try
        {
            return ReadDynamic(file);
        }
        catch (Exception error) when (error is ArgumentOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException("The ELF file is cut off.", error);
        }
    }

    private static ElfFile ReadDynamic(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> segments = file[(int)Long(file, 32)..][..(Short(file, 56) * ProgramHeaderBytes)];
        ReadOnlySpan<byte> dynamic = [];
        for (ReadOnlySpan<byte> left = segments; left.Length > 0; left = left[ProgramHeaderBytes..])
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(left) == DynamicSegment)
                dynamic = file[checked((int)Long(left, 8))..][..checked((int)Long(left, 32))];
        }

        ulong strings = 0;
        List<ulong> needs = [];
        ulong? name = null;
        for (; dynamic.Length >= DynamicEntryBytes; dynamic = dynamic[DynamicEntryBytes..])
        {
            switch (Long(dynamic, 0))
            {
                case NeededTag: needs.Add(Long(dynamic, 8)); break;
                case NameTag: name = Long(dynamic, 8); break;
                case StringTableTag: strings = Long(dynamic, 8); break;
            }
        }

        if (strings == 0) return Nothing;
        ReadOnlySpan<byte> table = file[FileOffset(segments, strings)..];
        List<string> names = [];
        foreach (ulong need in needs) names.Add(Text(table, need));
        return new(name is { } at ? Text(table, at) : null, names);
    }

    /// <summary>Where in the file the byte is that is loaded to an address.</summary>
    private static int FileOffset(ReadOnlySpan<byte> segments, ulong address)
    {
        for (; segments.Length > 0; segments = segments[ProgramHeaderBytes..])
        {
            ulong offset = address - Long(segments, 16);
            if (BinaryPrimitives.ReadUInt32LittleEndian(segments) == LoadSegment && offset < Long(segments, 32))
                return checked((int)(Long(segments, 8) + offset));
        }

        throw new InvalidDataException("The ELF file has no names of libraries.");
    }

    private static string Text(ReadOnlySpan<byte> table, ulong at)
    {
        ReadOnlySpan<byte> text = table[checked((int)at)..];
        return Encoding.ASCII.GetString(text[..text.IndexOf((byte)0)]);
    }

    private static ulong Long(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private static ushort Short(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
}
