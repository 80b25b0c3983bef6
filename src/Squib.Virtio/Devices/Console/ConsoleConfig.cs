using System.Buffers.Binary;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Console;

/// <summary>
/// The configuration space of a console: le16 cols, le16 rows, le32 max_nr_ports, le32 emerg_wr (virtio 1.2, 5.3.4).
/// </summary>
internal static class ConsoleConfig
{
    internal const int WindowSize = 0;
    internal const int EmergencyWrite = 8;

    /// <summary>The number of bytes of cols and rows.</summary>
    internal const int SizeBytes = 4;

    private const int MaxPorts = 4;
    private const int Length = 12;

    internal static ConfigSpace Create(ConsoleOptions options)
    {
        Span<byte> bytes = stackalloc byte[Length];
        bytes.Clear();
        WriteSize(bytes[WindowSize..], options.Columns, options.Rows);
        if (options.MaxPorts > 1) BinaryPrimitives.WriteUInt32LittleEndian(bytes[MaxPorts..], (uint)options.MaxPorts);
        return new(bytes);
    }

    internal static void WriteSize(Span<byte> destination, ushort columns, ushort rows)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(destination, columns);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[2..], rows);
    }
}
