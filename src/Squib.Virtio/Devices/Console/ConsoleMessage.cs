using System.Buffers.Binary;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Console;

/// <summary>A control message of 8 bytes; some are followed by more.</summary>
/// <param name="Port">The number of the port.</param>
/// <param name="Event">What it says; any number that a driver likes.</param>
/// <param name="Value">A value that depends on the event.</param>
/// <remarks>Virtio 1.2, 5.3.6.2: le32 id, le16 event, le16 value.</remarks>
internal readonly record struct ConsoleMessage(uint Port, ConsoleEvent Event, ushort Value)
{
    internal const int Size = 8;

    internal static bool TryRead(ReadableSegments source, out ConsoleMessage message)
    {
        Span<byte> bytes = stackalloc byte[Size];
        bool whole = source.TryRead(bytes);
        message = whole
            ? new(
                BinaryPrimitives.ReadUInt32LittleEndian(bytes),
                (ConsoleEvent)BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]),
                BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]))
            : default;
        return whole;
    }

    internal void WriteTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Port);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], (ushort)Event);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], Value);
    }
}
