using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Squib.Virtio.Devices.Net;

/// <summary>The address of a network interface: 48 bits.</summary>
public readonly record struct MacAddress
{
    /// <summary>The number of bytes.</summary>
    public const int Size = 6;

    private const ulong Mask = 0xffff_ffff_ffff;
    private const ulong GroupBit = 1;

    private MacAddress(ulong value) => Value = value;

    /// <summary>The address of everybody, ff:ff:ff:ff:ff:ff.</summary>
    public static MacAddress Broadcast => new(Mask);

    /// <summary>Whether it stands for several interfaces; the broadcast address does.</summary>
    public bool IsGroup => (Value & GroupBit) != 0;

    /// <summary>Whether an interface can have it: it is neither a group's nor 0.</summary>
    public bool IsUnicast => !IsGroup && Value != 0;

    /// <summary>The bytes in their order on the wire, the first one lowest.</summary>
    internal ulong Value { get; }

    /// <summary>Reads an address.</summary>
    /// <param name="source">At least 6 bytes, in their order on the wire.</param>
    public static MacAddress Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(source)
        | ((ulong)BinaryPrimitives.ReadUInt16LittleEndian(source[4..]) << 32));

    /// <summary>The address with a <see cref="Value"/>.</summary>
    internal static MacAddress FromValue(ulong value) => new(value);

    /// <summary>Makes up an address: locally administered, of one interface.</summary>
    public static MacAddress Random()
    {
        Span<byte> bytes = stackalloc byte[Size];
        RandomNumberGenerator.Fill(bytes);
        bytes[0] = (byte)((bytes[0] & 0xfc) | 2);
        return Read(bytes);
    }

    /// <summary>Reads the usual text.</summary>
    /// <param name="text">Six pairs of hexadecimal digits with colons between them.</param>
    /// <param name="address">The address.</param>
    /// <returns>Whether it is one.</returns>
    public static bool TryParse(string? text, out MacAddress address)
    {
        address = default;
        string[] parts = text?.Split(':') ?? [];
        if (parts.Length != Size) return false;
        ulong value = 0;
        for (int i = 0; i < Size; i++)
        {
            if (parts[i].Length != 2
                || !byte.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte one))
                return false;
            value |= (ulong)one << (8 * i);
        }

        address = new(value);
        return true;
    }

    /// <summary>Writes the address.</summary>
    /// <param name="destination">Where to; 6 bytes, in their order on the wire.</param>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)Value);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[4..], (ushort)(Value >> 32));
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{(byte)Value:x2}:{(byte)(Value >> 8):x2}:{(byte)(Value >> 16):x2}:")
        + string.Create(CultureInfo.InvariantCulture, $"{(byte)(Value >> 24):x2}:{(byte)(Value >> 32):x2}:{(byte)(Value >> 40):x2}");
}
