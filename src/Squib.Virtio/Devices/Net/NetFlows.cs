using System.Buffers.Binary;

namespace Squib.Virtio.Devices.Net;

/// <summary>Remembers on which queue the driver sends the frames of a flow, so that the answers come back on its pair.</summary>
/// <remarks>
/// Virtio 1.2, 5.1.6.5.6. Flows share a fixed number of places; two that share one follow whichever was sent last. The places are
/// read and written by several loops, a byte each.
/// </remarks>
internal sealed class NetFlows
{
    private const int Places = 4096;
    private const int AddressesIp4 = 12;
    private const int AddressesIp6 = 8;
    private const int HeaderBytesIp6 = 40;
    private const ushort TypeIp4 = 0x0800;
    private const ushort TypeIp6 = 0x86dd;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    // 0: nothing was sent yet; otherwise the queue plus 1.
    private readonly byte[] queues = new byte[Places];

    /// <summary>Remembers the queue of a flow.</summary>
    internal void Learn(ReadOnlySpan<byte> frame, int queue)
    {
        ref byte place = ref queues[Hash(frame) % Places];
        byte value = (byte)(queue + 1);
        if (place != value) place = value;
    }

    /// <summary>The queue for a received frame.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="count">The number of queues in use.</param>
    internal int Find(ReadOnlySpan<byte> frame, int count)
    {
        uint hash = Hash(frame);
        int queue = queues[hash % Places] - 1;
        // MUST (5.1.6.5.6): the frames of a flow stay together, also of one that the driver has never sent on.
        return queue >= 0 && queue < count ? queue : (int)(hash % (uint)count);
    }

    /// <summary>A number that the frames of a flow share in both directions.</summary>
    internal static uint Hash(ReadOnlySpan<byte> frame)
    {
        int header = NetFilter.HeaderBytes(frame);
        ReadOnlySpan<byte> packet = frame[header..];
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[(header - 2)..]);
        if (type == TypeIp4 && packet.Length >= 20) return HashIp4(packet);
        if (type == TypeIp6 && packet.Length >= HeaderBytesIp6) return HashIp6(packet);
        // Anything else by its addresses.
        return Mix(Both(BinaryPrimitives.ReadUInt32BigEndian(frame[2..]), BinaryPrimitives.ReadUInt32BigEndian(frame[8..])));
    }

    private static uint HashIp4(ReadOnlySpan<byte> packet)
    {
        ulong hash = Both(
            BinaryPrimitives.ReadUInt32BigEndian(packet[AddressesIp4..]),
            BinaryPrimitives.ReadUInt32BigEndian(packet[(AddressesIp4 + 4)..]));
        // A fragment does not show its ports, so none of its datagram's may count.
        bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3fff) != 0;
        return Mix(hash + (isFragment ? 0 : Ports(packet[9], packet, (packet[0] & 0xf) * 4)));
    }

    private static uint HashIp6(ReadOnlySpan<byte> packet)
    {
        ulong hash = 0;
        for (int i = 0; i < 4; i++)
        {
            int at = AddressesIp6 + (4 * i);
            hash = (hash * 31) + Both(
                BinaryPrimitives.ReadUInt32BigEndian(packet[at..]), BinaryPrimitives.ReadUInt32BigEndian(packet[(at + 16)..]));
        }

        return Mix(hash + Ports(packet[6], packet, HeaderBytesIp6));
    }

    private static ulong Ports(byte protocol, ReadOnlySpan<byte> packet, int at)
    {
        if (protocol is not (Tcp or Udp) || packet.Length < at + 4) return protocol;
        return protocol + (Both(
            BinaryPrimitives.ReadUInt16BigEndian(packet[at..]), BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..])) << 8);
    }

    /// <summary>Joins two numbers so that their order does not matter.</summary>
    private static ulong Both(uint a, uint b) => ((ulong)a * b) + a + b + (ulong)(a ^ b);

    private static uint Mix(ulong value)
    {
        value *= 0x9e37_79b9_7f4a_7c15;
        return (uint)(value >> 32);
    }
}
