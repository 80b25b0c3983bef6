using System.Buffers.Binary;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Block;

/// <summary>The header of a block request: 16 bytes that the device reads.</summary>
/// <param name="Type">What is asked for; any number that a driver likes.</param>
/// <param name="Sector">Where, in sectors of 512 bytes whatever the block size.</param>
/// <remarks>Virtio 1.2, 5.2.6: le32 type, le32 reserved (ignored), le64 sector.</remarks>
public readonly record struct BlockRequest(BlockRequestType Type, ulong Sector)
{
    /// <summary>The number of bytes of the header.</summary>
    public const int Size = 16;

    /// <summary>The number of bytes of a sector.</summary>
    public const int SectorBytes = 512;

    /// <summary>Consumes the header, wherever the driver has cut it.</summary>
    /// <param name="source">What the driver lends for reading; afterwards the data of the request.</param>
    /// <param name="request">The header.</param>
    /// <returns>Whether there are enough bytes.</returns>
    public static bool TryRead(ReadableSegments source, out BlockRequest request)
    {
        ReadOnlySpan<byte> header = source.First;
        if (header.Length < Size) return TryReadPieces(source, out request);
        request = Decode(header);
        source.Advance(Size);
        return true;
    }

    private static bool TryReadPieces(ReadableSegments source, out BlockRequest request)
    {
        Span<byte> header = stackalloc byte[Size];
        bool whole = source.TryRead(header);
        request = whole ? Decode(header) : default;
        return whole;
    }

    private static BlockRequest Decode(ReadOnlySpan<byte> header) => new(
        (BlockRequestType)BinaryPrimitives.ReadUInt32LittleEndian(header),
        BinaryPrimitives.ReadUInt64LittleEndian(header[8..]));
}
