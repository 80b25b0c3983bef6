using System.Buffers.Binary;

namespace Squib.Boot.Tests.Demo.Peer;

/// <summary>Frames as a guest with the address 198.51.100.2 sends them, put together byte by byte.</summary>
internal static class Wire
{
    public const uint Host = 0xC633_6401;
    public const uint Guest = 0xC633_6402;

    public static byte[] HostMac => Convert.FromHexString("027371756962");

    public static byte[] GuestMac => Convert.FromHexString("021122334455");

    public static byte[] Ethernet(byte[] destination, ushort type, params byte[] payload) =>
        [.. destination, .. GuestMac, (byte)(type >> 8), (byte)type, .. payload];

    public static byte[] Ip4(byte protocol, byte[] payload, uint source = Guest, uint destination = Host, ushort fragment = 0)
    {
        byte[] header = new byte[20];
        header[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(20 + payload.Length));
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(6), fragment);
        header[8] = 64;
        header[9] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(12), source);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(16), destination);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Checksum(header));
        return Ethernet(destination == uint.MaxValue ? Everybody : HostMac, 0x0800, [.. header, .. payload]);
    }

    public static byte[] Udp(ushort from, ushort to, byte[] payload, uint source, uint destination)
    {
        byte[] datagram = [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(6), Checksum([.. PseudoHeader(17, source, destination, datagram), .. datagram]));
        return Ip4(17, datagram, source, destination);
    }

    public static byte[] Ping(params byte[] payload)
    {
        byte[] message = [8, 0, 0, 0, 0x12, 0x34, 0, 7, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum(message));
        return Ip4(1, message);
    }

    public static byte[] Tcp(
        ushort from, ushort to, uint sequence, uint acknowledgement, byte flags, ushort window, byte[] options, byte[] payload)
    {
        byte[] header = new byte[20 + options.Length];
        BinaryPrimitives.WriteUInt16BigEndian(header, from);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), to);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(8), acknowledgement);
        header[12] = (byte)(header.Length / 4 << 4);
        header[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(14), window);
        options.CopyTo(header, 20);
        byte[] segment = [.. header, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), Checksum([.. PseudoHeader(6, Guest, Host, segment), .. segment]));
        return Ip4(6, segment);
    }

    /// <summary>Whether the checksums of an IPv4 frame with UDP, TCP or ICMP are right.</summary>
    public static bool IsIntact(byte[] frame)
    {
        byte[] header = frame[14..34];
        byte[] payload = frame[34..];
        uint source = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12));
        uint destination = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(16));
        byte[] pseudo = header[9] == 1 ? [] : PseudoHeader(header[9], source, destination, payload);
        bool whole = BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(2)) == frame.Length - 14;
        return whole && Checksum(header) == 0 && Checksum([.. pseudo, .. payload]) == 0;
    }

    private static byte[] Everybody => Convert.FromHexString("ffffffffffff");

    private static byte[] PseudoHeader(byte protocol, uint source, uint destination, byte[] payload)
    {
        byte[] header = new byte[12];
        BinaryPrimitives.WriteUInt32BigEndian(header, source);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), destination);
        header[9] = protocol;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)payload.Length);
        return header;
    }

    private static ushort Checksum(byte[] bytes)
    {
        int sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
            if (sum > 0xFFFF) sum -= 0xFFFF;
        }

        return (ushort)(0xFFFF - sum);
    }
}
