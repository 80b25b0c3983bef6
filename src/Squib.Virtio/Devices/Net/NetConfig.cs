using System.Buffers.Binary;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Net;

/// <summary>The configuration space of network devices (virtio 1.2, 5.1.4).</summary>
internal static class NetConfig
{
    internal const int Mac = 0;
    internal const int Status = 6;
    internal const int MaxQueuePairs = 8;
    internal const int Mtu = 10;
    internal const int Speed = 12;
    internal const int Duplex = 16;

    /// <summary>The fields of RSS and HASH_REPORT follow, which are not offered and stay 0.</summary>
    internal const int Length = 24;

    internal const ushort LinkUp = 1;
    internal const ushort Announce = 2;

    private const int SpeedAndDuplexBytes = 5;

    internal static ConfigSpace Create(NetOptions options, MacAddress mac, ushort status)
    {
        Span<byte> bytes = stackalloc byte[Length];
        bytes.Clear();
        mac.Write(bytes[Mac..]);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[Status..], status);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[MaxQueuePairs..], (ushort)options.QueuePairs);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[Mtu..], (ushort)(options.Mtu ?? 0));
        WriteSpeed(bytes[Speed..], options.SpeedMbps, options.FullDuplex);
        return new(bytes);
    }

    internal static void SetMac(ConfigSpace config, MacAddress mac)
    {
        Span<byte> bytes = stackalloc byte[MacAddress.Size];
        mac.Write(bytes);
        config.Set(Mac, bytes);
    }

    /// <summary>Changes the status.</summary>
    /// <param name="config">The space.</param>
    /// <param name="status">The new bits.</param>
    /// <param name="tell">Whether to interrupt the driver.</param>
    internal static void SetStatus(ConfigSpace config, ushort status, bool tell)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, status);
        if (tell) config.Update(Status, bytes);
        else config.Set(Status, bytes);
    }

    internal static void SetSpeed(ConfigSpace config, uint speedMbps, bool? fullDuplex)
    {
        Span<byte> bytes = stackalloc byte[SpeedAndDuplexBytes];
        WriteSpeed(bytes, speedMbps, fullDuplex);
        config.Update(Speed, bytes);
    }

    private static void WriteSpeed(Span<byte> bytes, uint speedMbps, bool? fullDuplex)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, speedMbps);
        // The normative text has 0 for full and 1 for half duplex; the descriptive text and all drivers have it the other way round.
        bytes[Duplex - Speed] = fullDuplex switch { true => 1, false => 0, null => 0xff };
    }
}
