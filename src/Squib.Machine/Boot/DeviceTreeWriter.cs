using System.Buffers.Binary;
using System.Text;

namespace Squib.Machine.Boot;

/// <summary>Writes a flattened device tree, node by node.</summary>
/// <remarks>Devicetree Specification 0.4, chapter 5 — version 17, compatible with 16; no memory reservations.</remarks>
internal sealed class DeviceTreeWriter
{
    private const uint Magic = 0xD00D_FEED;
    private const uint Version = 17;
    private const uint LastCompatibleVersion = 16;
    private const int HeaderBytes = 40;
    private const int ReservationBytes = 16; // one entry of zeros ends the list
    private const uint BeginNodeToken = 1;
    private const uint EndNodeToken = 2;
    private const uint PropertyToken = 3;
    private const uint EndToken = 9;

    private readonly List<byte> structure = [];
    private readonly List<byte> strings = [];
    private readonly Dictionary<string, uint> nameOffsets = [];
    private int depth;

    /// <summary>Begins a node inside the current one; the root has an empty name.</summary>
    /// <param name="name">The name with its unit address.</param>
    public DeviceTreeWriter BeginNode(string name)
    {
        AddCell(BeginNodeToken);
        AddText(name);
        Pad();
        depth++;
        return this;
    }

    /// <summary>Ends the current node.</summary>
    public DeviceTreeWriter EndNode()
    {
        if (depth == 0) throw new InvalidOperationException("There is no node to end.");
        AddCell(EndNodeToken);
        depth--;
        return this;
    }

    /// <summary>Adds a property without a value.</summary>
    /// <param name="name">The property.</param>
    public DeviceTreeWriter Flag(string name) => Bytes(name, []);

    /// <summary>Adds a property of strings.</summary>
    /// <param name="name">The property.</param>
    /// <param name="values">The strings, at least one.</param>
    public DeviceTreeWriter Text(string name, params ReadOnlySpan<string> values) =>
        Bytes(name, Encoding.UTF8.GetBytes(string.Concat(string.Join('\0', values!), "\0")));

    /// <summary>Adds a property of 32-bit cells.</summary>
    /// <param name="name">The property.</param>
    /// <param name="values">The cells.</param>
    public DeviceTreeWriter Cells(string name, params ReadOnlySpan<uint> values)
    {
        byte[] bytes = new byte[values.Length * 4];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i * 4), values[i]);
        return Bytes(name, bytes);
    }

    /// <summary>Adds a property of 64-bit numbers, two cells each.</summary>
    /// <param name="name">The property.</param>
    /// <param name="values">The numbers.</param>
    public DeviceTreeWriter Numbers(string name, params ReadOnlySpan<ulong> values)
    {
        byte[] bytes = new byte[values.Length * 8];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * 8), values[i]);
        return Bytes(name, bytes);
    }

    /// <summary>Adds a property of plain bytes.</summary>
    /// <param name="name">The property.</param>
    /// <param name="value">The bytes.</param>
    public DeviceTreeWriter Bytes(string name, ReadOnlySpan<byte> value)
    {
        if (depth == 0) throw new InvalidOperationException("A property belongs into a node.");
        AddCell(PropertyToken);
        AddCell((uint)value.Length);
        AddCell(OffsetOfName(name));
        structure.AddRange(value);
        Pad();
        return this;
    }

    /// <summary>Ends the tree.</summary>
    /// <returns>The blob.</returns>
    public byte[] Finish()
    {
        if (depth != 0) throw new InvalidOperationException($"{depth} nodes are not ended.");
        AddCell(EndToken);
        int stringsAt = HeaderBytes + ReservationBytes + structure.Count;
        byte[] blob = new byte[stringsAt + strings.Count];
        ReadOnlySpan<uint> header =
        [
            Magic, (uint)blob.Length, HeaderBytes + ReservationBytes, (uint)stringsAt, HeaderBytes,
            Version, LastCompatibleVersion, 0, (uint)strings.Count, (uint)structure.Count,
        ];
        for (int i = 0; i < header.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(blob.AsSpan(i * 4), header[i]);
        structure.CopyTo(blob, HeaderBytes + ReservationBytes);
        strings.CopyTo(blob, stringsAt);
        return blob;
    }

    private void AddCell(uint value)
    {
        Span<byte> cell = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(cell, value);
        structure.AddRange((ReadOnlySpan<byte>)cell);
    }

    private void AddText(string text)
    {
        structure.AddRange(Encoding.ASCII.GetBytes(text));
        structure.Add(0);
    }

    private void Pad()
    {
        while (structure.Count % 4 != 0) structure.Add(0);
    }

    private uint OffsetOfName(string name)
    {
        if (nameOffsets.TryGetValue(name, out uint offset)) return offset;
        offset = (uint)strings.Count;
        strings.AddRange(Encoding.ASCII.GetBytes(name));
        strings.Add(0);
        nameOffsets.Add(name, offset);
        return offset;
    }
}
