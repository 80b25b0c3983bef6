using System.Buffers.Binary;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Balloon;

/// <summary>The configuration space of a balloon (virtio 1.2, 5.5.4).</summary>
internal static class BalloonConfig
{
    internal const int Target = 0;
    internal const int Actual = 4;
    internal const int HintCommand = 8;
    internal const int Poison = 12;
    internal const int Size = 16;

    internal static void Set(ConfigSpace config, int field, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        config.Set(field, bytes);
    }

    /// <summary>Sets a field and tells the driver.</summary>
    internal static void Update(ConfigSpace config, int field, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        config.Update(field, bytes);
    }
}
