using System.Buffers.Binary;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Mem;

/// <summary>A request of a driver (virtio 1.2, 5.15.6). What is not read here is padding, which is ignored.</summary>
internal readonly record struct MemRequest(MemRequestType Type, ulong Address, ushort Blocks)
{
    internal const int Size = 24;

    /// <summary>Reads a request.</summary>
    /// <returns>Whether there were as many bytes as a request has.</returns>
    internal static bool TryRead(ReadableSegments source, out MemRequest request)
    {
        Span<byte> bytes = stackalloc byte[Size];
        bool whole = source.TryRead(bytes);
        request = whole
            ? new(
                (MemRequestType)BinaryPrimitives.ReadUInt16LittleEndian(bytes),
                BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
                BinaryPrimitives.ReadUInt16LittleEndian(bytes[16..]))
            : default;
        return whole;
    }
}
