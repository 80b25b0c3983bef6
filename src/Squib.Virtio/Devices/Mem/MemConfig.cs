using System.Buffers.Binary;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Mem;

/// <summary>
/// The configuration space of a memory device (virtio 1.2, 5.15.4). All fields are the device's to write.
/// </summary>
internal static class MemConfig
{
    private const int BlockSize = 0;
    private const int Node = 8;
    private const int Address = 16;
    private const int RegionSize = 24;
    private const int UsableSize = 32;
    private const int PluggedSize = 40;
    private const int RequestedSize = 48;
    private const int Size = 56;

    internal static ConfigSpace Create(MemOptions options)
    {
        Span<byte> bytes = stackalloc byte[Size];
        bytes.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(bytes[BlockSize..], options.BlockBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[Node..], options.Node ?? 0);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[Address..], options.Address);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[RegionSize..], options.RegionBytes);
        return new(bytes);
    }

    internal static void SetPlugged(ConfigSpace config, long bytes)
    {
        Span<byte> field = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(field, bytes);
        config.Set(PluggedSize, field);
    }

    /// <summary>Sets the fields that change, which lie side by side.</summary>
    internal static void SetSizes(ConfigSpace config, long usable, long plugged, long requested, bool tells)
    {
        Span<byte> fields = stackalloc byte[Size - UsableSize];
        BinaryPrimitives.WriteInt64LittleEndian(fields, usable);
        BinaryPrimitives.WriteInt64LittleEndian(fields[(PluggedSize - UsableSize)..], plugged);
        BinaryPrimitives.WriteInt64LittleEndian(fields[(RequestedSize - UsableSize)..], requested);
        if (tells) config.Update(UsableSize, fields);
        else config.Set(UsableSize, fields);
    }
}
