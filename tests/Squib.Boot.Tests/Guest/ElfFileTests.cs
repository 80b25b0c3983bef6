using System.Buffers.Binary;
using System.Text;
using Squib.Cli.Guest;
using Xunit;

namespace Squib.Boot.Tests.Guest;

public sealed class ElfFileTests
{
    private const int SegmentsAt = 64;
    private const int DynamicAt = 256;
    private const int StringsAt = 512;

    // The strings are loaded elsewhere than they stand in the file, as in every real library.
    private const ulong LoadedAt = 0x10000;

    [Fact]
    public void A_library_tells_its_name_and_what_it_needs()
    {
        ElfFile file = ElfFile.Read(Library("libkrb5.so.3", "libk5crypto.so.3", "libc.so.6"));
        Assert.Equal("libkrb5.so.3", file.Name);
        Assert.Equal(["libk5crypto.so.3", "libc.so.6"], file.Needs);
    }

    [Fact]
    public void A_program_has_no_name() => Assert.Null(ElfFile.Read(Library(null, "libc.so.6")).Name);

    [Fact]
    public void What_is_no_ELF_file_tells_nothing()
    {
        ElfFile file = ElfFile.Read("GROUP ( libc.so.6 )"u8);
        Assert.Null(file.Name);
        Assert.Empty(file.Needs);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(100)]
    [InlineData(DynamicAt + 8)]
    [InlineData(StringsAt + 4)]
    public void A_file_that_is_cut_off_is_refused(int length) =>
        Assert.Throws<InvalidDataException>(() => ElfFile.Read(Library("libkrb5.so.3", "libc.so.6").AsSpan(0, length)));

    private static byte[] Library(string? name, params string[] needs)
    {
        byte[] file = new byte[1024];
        "\u007FELF\u0002\u0001"u8.CopyTo(file);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), SegmentsAt);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), 2);
        WriteSegment(file.AsSpan(SegmentsAt), type: 1, StringsAt, LoadedAt, 512);
        WriteSegment(file.AsSpan(SegmentsAt + 56), type: 2, DynamicAt, 0, 256);
        int entry = DynamicAt;
        int text = StringsAt + 1;
        WriteEntry(5, LoadedAt);
        if (name is not null) WriteString(14, name);
        foreach (string need in needs) WriteString(1, need);
        return file;

        void WriteString(ulong tag, string value)
        {
            WriteEntry(tag, (ulong)(text - StringsAt));
            text += Encoding.ASCII.GetBytes(value, file.AsSpan(text)) + 1;
        }

        void WriteEntry(ulong tag, ulong value)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(entry), tag);
            BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(entry + 8), value);
            entry += 16;
        }
    }

    private static void WriteSegment(Span<byte> header, uint type, ulong offset, ulong address, ulong length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], length);
    }
}
