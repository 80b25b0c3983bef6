using System.Buffers.Binary;
using System.Numerics;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Block;

/// <summary>The configuration space of a block device (virtio 1.2, 5.2.4).</summary>
internal static class BlockConfig
{
    internal const int Capacity = 0x00;
    internal const int WriteBack = 0x20;
    internal const int WriteZeroesMayUnmap = 0x38;

    private const int SizeMax = 0x08;
    private const int SegMax = 0x0c;
    private const int BlockSize = 0x14;
    private const int PhysicalBlockExponent = 0x18;
    private const int MinIoSize = 0x1a;
    private const int OptimalIoSize = 0x1c;
    private const int QueueCount = 0x22;
    private const int MaxDiscardSectors = 0x24;
    private const int MaxDiscardRanges = 0x28;
    private const int DiscardAlignment = 0x2c;
    private const int MaxWriteZeroesSectors = 0x30;
    private const int MaxWriteZeroesRanges = 0x34;
    private const int Size = 0x3c;

    /// <summary>Lays the fields out; those of features that are not offered stay zero.</summary>
    internal static ConfigSpace Create(BlockOptions options, IBlockBackend backend, ulong features)
    {
        Span<byte> bytes = stackalloc byte[Size];
        // MUST (5.2.5.2): the padding bytes 0x21 and 0x39 to 0x3b are zero, as all that is not set here.
        bytes.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[Capacity..], Sectors(backend.Length));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[SizeMax..], options.MaxSegmentBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[SegMax..], options.MaxSegments);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[BlockSize..], (uint)options.BlockSize);
        int physical = Math.Max(options.PhysicalBlockSize, options.BlockSize);
        bytes[PhysicalBlockExponent] = (byte)BitOperations.Log2((uint)(physical / options.BlockSize));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[MinIoSize..], options.MinIoBlocks);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[OptimalIoSize..], options.OptimalIoBlocks);
        if ((features & BlockFeature.ConfigWce) != 0)
            bytes[WriteBack] = options.Cache == BlockCacheMode.WriteBack ? (byte)1 : (byte)0;
        if ((features & BlockFeature.MultiQueue) != 0)
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[QueueCount..], options.QueueCount);
        if ((features & BlockFeature.Discard) != 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[MaxDiscardSectors..], options.MaxDiscardSectors);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[MaxDiscardRanges..], (uint)options.MaxRanges);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[DiscardAlignment..], options.DiscardAlignmentSectors);
        }

        if ((features & BlockFeature.WriteZeroes) != 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[MaxWriteZeroesSectors..], options.MaxWriteZeroesSectors);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[MaxWriteZeroesRanges..], (uint)options.MaxRanges);
            bytes[WriteZeroesMayUnmap] = backend.CanUnmap ? (byte)1 : (byte)0;
        }

        return new(bytes);
    }

    /// <summary>Publishes another capacity, of which the driver is told.</summary>
    internal static void SetCapacity(ConfigSpace config, long bytes)
    {
        Span<byte> field = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(field, Sectors(bytes));
        config.Update(Capacity, field);
    }

    private static ulong Sectors(long bytes) => (ulong)bytes / BlockRequest.SectorBytes;
}
