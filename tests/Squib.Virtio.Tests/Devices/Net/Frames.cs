using System.Buffers.Binary;
using Squib.Virtio.Devices.Net;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>Frames as guests and hosts send them.</summary>
internal static class Frames
{
    internal const int EthernetBytes = 14;
    internal const int Ip4Bytes = 20;
    internal const int Ip6Bytes = 40;
    internal const int TcpBytes = 20;
    internal const int UdpBytes = 8;

    internal static readonly MacAddress Own = Mac(1);
    internal static readonly MacAddress Peer = Mac(2);
    internal static readonly MacAddress Stranger = Mac(3);
    internal static readonly MacAddress Group = MacAddress.Read([0x01, 0x00, 0x5e, 0, 0, 1]);

    internal static MacAddress Mac(int number) =>
        MacAddress.Read([0x02, 0x51, (byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number]);

    /// <summary>A frame of some length with a payload that has no meaning.</summary>
    internal static byte[] Ethernet(MacAddress to, MacAddress from, int length, int seed = 1, ushort type = 0x88b5)
    {
        byte[] frame = new byte[length];
        new Random(seed).NextBytes(frame);
        Address(frame, to, from, type);
        return frame;
    }

    /// <summary>The same with the tag of a VLAN.</summary>
    internal static byte[] Tagged(MacAddress to, MacAddress from, ushort tag, int length = 100)
    {
        byte[] frame = Ethernet(to, from, length, type: 0x8100);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), tag);
        return frame;
    }

    /// <summary>UDP over IPv4 with a checksum that is complete.</summary>
    internal static byte[] Udp4(MacAddress to, MacAddress from, ushort sourcePort, ushort targetPort, int payload)
    {
        byte[] frame = Ip4(to, from, protocol: 17, UdpBytes + payload);
        Span<byte> udp = frame.AsSpan(EthernetBytes + Ip4Bytes);
        BinaryPrimitives.WriteUInt16BigEndian(udp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], targetPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udp.Length);
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], PseudoSum4(frame));
        Complete(frame, EthernetBytes + Ip4Bytes, 6);
        return frame;
    }

    /// <summary>TCP over IPv4 with a checksum that is complete.</summary>
    internal static byte[] Tcp4(MacAddress to, MacAddress from, int payload, ushort sourcePort = 1000, ushort targetPort = 80)
    {
        byte[] frame = Ip4(to, from, protocol: 6, TcpBytes + payload);
        Tcp(frame.AsSpan(EthernetBytes + Ip4Bytes), sourcePort, targetPort, PseudoSum4(frame));
        Complete(frame, EthernetBytes + Ip4Bytes, 16);
        return frame;
    }

    /// <summary>TCP over IPv6; the checksum field holds the sum of the pseudo header.</summary>
    internal static byte[] PartialTcp6(MacAddress to, MacAddress from, int payload, ushort sourcePort = 1000, ushort targetPort = 80)
    {
        byte[] frame = Ethernet(to, from, EthernetBytes + Ip6Bytes + TcpBytes + payload, type: 0x86dd);
        Span<byte> ip = frame.AsSpan(EthernetBytes);
        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(TcpBytes + payload));
        ip[6] = 6;
        ushort sum = Fold(Sum(ip.Slice(8, 32)) + 6 + (uint)(TcpBytes + payload));
        Tcp(ip[Ip6Bytes..], sourcePort, targetPort, sum);
        return frame;
    }

    /// <summary>The same frame as a sender leaves it that wants the checksum to be completed.</summary>
    /// <param name="complete">A frame of TCP or UDP over IPv4.</param>
    internal static (byte[] Frame, NetHeader Header) Unfinished(byte[] complete)
    {
        byte[] frame = [.. complete];
        int offset = frame[EthernetBytes + 9] == 6 ? 16 : 6;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(EthernetBytes + Ip4Bytes + offset), PseudoSum4(frame));
        NetHeader header = new(
            NetHeader.NeedsChecksum, NetHeader.GsoNone, ChecksumStart: EthernetBytes + Ip4Bytes, ChecksumOffset: (ushort)offset);
        return (frame, header);
    }

    /// <summary>Whether the checksum of a frame of TCP or UDP over IPv4 is right.</summary>
    internal static bool IsComplete4(byte[] frame) =>
        Fold(Sum(frame.AsSpan(EthernetBytes + Ip4Bytes)) + PseudoSum4(frame)) == 0xffff;

    /// <summary>The sum of the pseudo header of a frame over IPv4.</summary>
    internal static ushort PseudoSum4(byte[] frame) => Fold(
        Sum(frame.AsSpan(EthernetBytes + 12, 8)) + frame[EthernetBytes + 9] + (uint)(frame.Length - EthernetBytes - Ip4Bytes));

    /// <summary>Adds up words as RFC 1071 has it, word by word.</summary>
    internal static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++) sum += (uint)bytes[i] << ((i & 1) == 0 ? 8 : 0);
        return sum;
    }

    internal static ushort Fold(uint sum)
    {
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)sum;
    }

    private static byte[] Ip4(MacAddress to, MacAddress from, byte protocol, int payload)
    {
        byte[] frame = Ethernet(to, from, EthernetBytes + Ip4Bytes + payload, type: 0x0800);
        Span<byte> ip = frame.AsSpan(EthernetBytes, Ip4Bytes);
        ip.Clear();
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(Ip4Bytes + payload));
        ip[8] = 64;
        ip[9] = protocol;
        ((ReadOnlySpan<byte>)[192, 0, 2, 1, 192, 0, 2, 2]).CopyTo(ip[12..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Fold(Sum(ip)));
        return frame;
    }

    private static void Tcp(Span<byte> tcp, ushort sourcePort, ushort targetPort, ushort sum)
    {
        BinaryPrimitives.WriteUInt16BigEndian(tcp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], targetPort);
        tcp[12] = TcpBytes / 4 << 4;
        tcp[13] = 0x10;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], sum);
    }

    private static void Complete(byte[] frame, int start, int offset) =>
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(start + offset), (ushort)~Fold(Sum(frame.AsSpan(start))));

    private static void Address(Span<byte> frame, MacAddress to, MacAddress from, ushort type)
    {
        to.Write(frame);
        from.Write(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], type);
    }
}
