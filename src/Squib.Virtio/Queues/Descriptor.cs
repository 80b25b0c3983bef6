using System.Runtime.InteropServices;

namespace Squib.Virtio.Queues;

/// <summary>One descriptor, 16 bytes: le64 address, le32 length, then le16 flags and next (split) or id and flags (packed).</summary>
/// <remarks>
/// Virtio 1.2, 2.7.5 (split) and 2.8.13 (packed). Rings are read in place, so the host must be little-endian. All but the address is read
/// and written as one word: a driver that changes it meanwhile is seen before or after, never in between.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct Descriptor(ulong address, ulong rest)
{
    internal const int Size = 16;

    internal const ushort Next = 1;
    internal const ushort Write = 2;
    internal const ushort Indirect = 4;
    internal const ushort Available = 1 << 7;
    internal const ushort Used = 1 << 15;

    internal ulong Address = address;
    internal ulong Rest = rest;

    internal readonly uint Length => (uint)Rest;

    /// <summary>Split: flags, and the index of the next descriptor above them.</summary>
    internal readonly uint FlagsAndNext => (uint)(Rest >> 32);

    /// <summary>Split: flags. Packed: the buffer id.</summary>
    internal readonly ushort FlagsOrId => (ushort)(Rest >> 32);

    /// <summary>Split: the index of the next descriptor. Packed: flags.</summary>
    internal readonly ushort NextOrFlags => (ushort)(Rest >> 48);
}
