using System.Buffers.Binary;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Mem;

/// <summary>The answer to a request.</summary>
internal readonly record struct MemResponse(MemResponseType Type, MemBlockState State = default)
{
    internal const int Size = 10;

    public static implicit operator MemResponse(MemResponseType type) => new(type);

    /// <summary>Writes all of the answer, or nothing where there is no room for it.</summary>
    internal bool TryWriteTo(WritableSegments destination)
    {
        Span<byte> bytes = stackalloc byte[Size];
        bytes.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)Type);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[8..], (ushort)State);
        return destination.TryWrite(bytes);
    }
}
