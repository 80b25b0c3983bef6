using System.Buffers.Binary;

namespace Squib.Cli.Demo.Peer;

/// <summary>The checksum of the Internet protocols (RFC 1071).</summary>
internal static class InternetChecksum
{
    /// <summary>The checksum of a header or message whose own field is zero; of a right one with its field it is 0.</summary>
    /// <param name="bytes">The bytes; an odd one at the end counts as if a zero followed.</param>
    public static ushort Of(ReadOnlySpan<byte> bytes) => Finish(Add(0, bytes));

    /// <summary>The checksum of a TCP segment or UDP datagram, with the addresses that it goes between.</summary>
    /// <param name="protocol">The number of the protocol.</param>
    /// <param name="source">The sender's address.</param>
    /// <param name="destination">The receiver's address.</param>
    /// <param name="bytes">The segment or datagram.</param>
    public static ushort Of(byte protocol, uint source, uint destination, ReadOnlySpan<byte> bytes) => Finish(Add(
        (source >> 16) + (source & 0xFFFF) + (destination >> 16) + (destination & 0xFFFF) + protocol + (uint)bytes.Length, bytes));

    // 64 KiB of words do not fill 32 bits.
    private static uint Add(uint sum, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= 2; bytes = bytes[2..]) sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
        return bytes.Length == 1 ? sum + ((uint)bytes[0] << 8) : sum;
    }

    private static ushort Finish(uint sum)
    {
        while (sum > ushort.MaxValue) sum = (sum & ushort.MaxValue) + (sum >> 16);
        return (ushort)~sum;
    }
}
