using System.Buffers.Binary;

namespace Squib.Virtio.Tests.Devices.Vsock;

/// <summary>A packet as it is on the wire, written and read without the library's help.</summary>
internal sealed record WirePacket(Op Op, uint SourcePort, uint DestinationPort, byte[] Payload)
{
    public ulong SourceCid { get; init; } = 3;

    public ulong DestinationCid { get; init; } = 2;

    public ushort Type { get; init; } = 1;

    public uint Flags { get; init; }

    public uint BufferBytes { get; init; } = 262_144;

    public uint Forwarded { get; init; }

    /// <summary>The len field, if it is to differ from the payload.</summary>
    public uint? Length { get; init; }

    public string Text => System.Text.Encoding.ASCII.GetString(Payload);

    public byte[] Header()
    {
        byte[] bytes = new byte[44];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, SourceCid);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), DestinationCid);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(16), SourcePort);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(20), DestinationPort);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(24), Length ?? (uint)Payload.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(28), Type);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(30), (ushort)Op);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(32), Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(36), BufferBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(40), Forwarded);
        return bytes;
    }

    public static WirePacket Parse(byte[] bytes) => new(
        (Op)BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(30)),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(16)),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(20)),
        bytes[44..])
    {
        SourceCid = BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        DestinationCid = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8)),
        Length = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(24)),
        Type = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(28)),
        Flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(32)),
        BufferBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(36)),
        Forwarded = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(40)),
    };
}
