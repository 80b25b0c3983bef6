using System.Buffers.Binary;

namespace Squib.Virtio.Devices.Block;

/// <summary>One range of a DISCARD or WRITE_ZEROES request.</summary>
/// <param name="Sector">The first sector.</param>
/// <param name="Sectors">The number of sectors.</param>
/// <param name="Flags">Bit 0: unmap.</param>
/// <remarks>Virtio 1.2, 5.2.6: le64 sector, le32 num_sectors, le32 flags.</remarks>
internal readonly record struct BlockRange(ulong Sector, uint Sectors, uint Flags)
{
    internal const int Size = 16;
    internal const uint Unmap = 1;

    internal static BlockRange Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(source),
        BinaryPrimitives.ReadUInt32LittleEndian(source[8..]),
        BinaryPrimitives.ReadUInt32LittleEndian(source[12..]));
}
