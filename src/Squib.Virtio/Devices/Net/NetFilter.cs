using System.Buffers.Binary;

namespace Squib.Virtio.Devices.Net;

/// <summary>Which received frames the driver wants (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3); never changed, but replaced.</summary>
internal sealed record NetFilter
{
    /// <summary>The number of VLANs.</summary>
    internal const int VlanCount = 4096;

    private const ushort VlanTag = 0x8100;
    private const int VlanTagOffset = 12;
    private const int VlanTagBytes = 4;
    private const ushort VlanIdMask = VlanCount - 1;

    /// <summary>The device's own address, or null where the driver was not given one and chose its own.</summary>
    internal MacAddress? Own { get; init; }

    /// <summary>Whether addresses are looked at: without CTRL_RX a driver could not say what else it wants.</summary>
    internal bool ByAddress { get; init; }

    /// <summary>The VLANs that are wanted, a bit for each; null if the driver does not say.</summary>
    internal ulong[]? Vlans { get; init; }

    internal bool Promiscuous { get; init; }

    internal bool AllMulticast { get; init; }

    internal bool AllUnicast { get; init; }

    internal bool NoMulticast { get; init; }

    internal bool NoUnicast { get; init; }

    internal bool NoBroadcast { get; init; }

    /// <summary>The addresses beside the own one, sorted.</summary>
    internal ulong[] Addresses { get; init; } = [];

    /// <summary>The number of bytes of a frame's Ethernet header, which is longer with a VLAN tag.</summary>
    internal static int HeaderBytes(ReadOnlySpan<byte> frame) =>
        IsTagged(frame) ? NetFrame.EthernetHeaderBytes + VlanTagBytes : NetFrame.EthernetHeaderBytes;

    /// <summary>Whether the driver wants a frame.</summary>
    /// <param name="frame">The frame, at least an Ethernet header.</param>
    internal bool Accepts(ReadOnlySpan<byte> frame)
    {
        MacAddress destination = MacAddress.Read(frame);
        // The frames that count: those for this interface alone.
        if (Vlans is null && !NoUnicast && Own == destination) return true;
        // SHOULD (5.1.6.5.1): promiscuous mode lets all frames in, whatever else is set.
        if (Promiscuous) return true;
        if (Vlans is not null && !IsWantedVlan(frame)) return false;
        if (!ByAddress) return true;
        if (destination == MacAddress.Broadcast) return !NoBroadcast;
        if (destination.IsGroup) return !NoMulticast && (AllMulticast || IsListed(destination));
        if (NoUnicast) return false;
        return AllUnicast || Own is null || Own == destination || IsListed(destination);
    }

    /// <summary>The same filter with one VLAN more or less.</summary>
    internal NetFilter WithVlan(int id, bool wanted)
    {
        ulong[] vlans = [.. Vlans ?? new ulong[VlanCount / 64]];
        if (wanted) vlans[id / 64] |= 1UL << id;
        else vlans[id / 64] &= ~(1UL << id);
        return this with { Vlans = vlans };
    }

    private static bool IsTagged(ReadOnlySpan<byte> frame) =>
        frame.Length >= NetFrame.EthernetHeaderBytes + VlanTagBytes
        && BinaryPrimitives.ReadUInt16BigEndian(frame[VlanTagOffset..]) == VlanTag;

    private bool IsListed(MacAddress address) => Array.BinarySearch(Addresses, address.Value) >= 0;

    private bool IsWantedVlan(ReadOnlySpan<byte> frame)
    {
        if (!IsTagged(frame)) return true;
        int id = BinaryPrimitives.ReadUInt16BigEndian(frame[(VlanTagOffset + 2)..]) & VlanIdMask;
        // VLAN 0 is none: such a frame is tagged for its priority only.
        return id == 0 || (Vlans![id / 64] & (1UL << id)) != 0;
    }
}
