using System.Buffers.Binary;

namespace Squib.Machine.Tests.Differential;

/// <summary>Writes a program as a static ELF file for arm64 Linux.</summary>
internal static class ElfFile
{
    private const int HeaderLength = 64, SegmentHeaderLength = 56, PageLength = 0x1000;
    private const uint Readable = 4, Writable = 2, Executable = 1;

    public static void Write(TestProgram program, string path)
    {
        byte[] code = program.Code();
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserExecute;
        using var file = new FileStream(path, options);
        var header = new byte[PageLength];
        WriteHeader(header, program.UserEntry, segments: 4);
        int inputsAt = PageLength + Round(code.Length);
        WriteSegment(header, 0, Readable | Executable, PageLength, Layout.CodeStart, code.Length, code.Length);
        WriteSegment(header, 1, Readable | Writable, 0, Layout.VariablesStart, 0, Layout.VariablesLength);
        WriteSegment(header, 2, Readable, inputsAt, Layout.InputStart, program.Inputs.Length, program.Inputs.Length);
        WriteSegment(header, 3, Readable | Writable, 0, Layout.OutputStart, 0, program.OutputLength);
        file.Write(header);
        file.Write(code);
        file.Position = inputsAt;
        file.Write(program.Inputs);
    }

    private static void WriteHeader(Span<byte> header, uint entry, ushort segments)
    {
        ReadOnlySpan<byte> identification = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identification.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2); // ET_EXEC
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 183); // EM_AARCH64
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], entry);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], SegmentHeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], segments);
    }

    private static void WriteSegment(
        Span<byte> header, int index, uint flags, int offset, uint address, int fileLength, int memoryLength)
    {
        Span<byte> segment = header.Slice(HeaderLength + (index * SegmentHeaderLength), SegmentHeaderLength);
        BinaryPrimitives.WriteUInt32LittleEndian(segment, 1); // PT_LOAD
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[8..], (ulong)offset);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], (ulong)fileLength);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], (ulong)memoryLength);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], PageLength);
    }

    private static int Round(int length) => (length + PageLength - 1) & -PageLength;
}
