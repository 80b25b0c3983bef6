using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Squib.Virtio.Devices.Net;

/// <summary>The checksum of the Internet protocols (RFC 1071): a ones' complement sum of 16-bit words.</summary>
internal static class NetChecksum
{
    /// <summary>Completes a checksum whose field holds the sum of the pseudo header.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="start">Where summing begins.</param>
    /// <param name="offset">Where the checksum goes, from <paramref name="start"/>.</param>
    /// <returns>False if that is outside the frame, which then stays as it is.</returns>
    internal static bool TryComplete(Span<byte> frame, int start, int offset)
    {
        if (!Fits(frame.Length, start, offset)) return false;
        ushort sum = (ushort)~Fold(Sum(frame[start..]));
        // 0 stands for "no checksum" in UDP, and the other zero of ones' complement is as good.
        BinaryPrimitives.WriteUInt16BigEndian(frame[(start + offset)..], sum == 0 ? ushort.MaxValue : sum);
        return true;
    }

    /// <summary>Whether the checksum's place is inside a frame.</summary>
    internal static bool Fits(int length, int start, int offset) => start + offset + sizeof(ushort) <= length;

    /// <summary>Adds up bytes as big-endian words; an odd one at the end counts as if a zero followed.</summary>
    internal static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        // Two words at a time in whatever order the machine has: the sum of swapped words is the swapped sum.
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(bytes);
        foreach (uint word in words) sum += word;
        ReadOnlySpan<byte> rest = bytes[(words.Length * sizeof(uint))..];
        ushort native = Fold(sum);
        ulong total = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(native) : native;
        if (rest.Length >= 2)
        {
            total += BinaryPrimitives.ReadUInt16BigEndian(rest);
            rest = rest[2..];
        }

        if (rest.Length == 1) total += (ulong)rest[0] << 8;
        return total;
    }

    /// <summary>Adds the carries back until the sum has 16 bits.</summary>
    internal static ushort Fold(ulong sum)
    {
        while (sum > ushort.MaxValue) sum = (sum & ushort.MaxValue) + (sum >> 16);
        return (ushort)sum;
    }
}
