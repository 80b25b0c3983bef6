namespace Squib.Virtio.Devices.Net;

/// <summary>The feature bits of network devices (virtio 1.2, 5.1.3).</summary>
public static class NetFeature
{
    /// <summary>Bit 0: the device completes the checksums of frames that the driver sends.</summary>
    public const ulong Checksum = 1UL << 0;

    /// <summary>Bit 1: the driver takes frames whose checksum is not complete.</summary>
    public const ulong GuestChecksum = 1UL << 1;

    /// <summary>Bit 2: the driver switches what it takes while it runs.</summary>
    public const ulong ControlGuestOffloads = 1UL << 2;

    /// <summary>Bit 3: the largest payload of a frame is in mtu.</summary>
    public const ulong Mtu = 1UL << 3;

    /// <summary>Bit 5: the address is in mac.</summary>
    public const ulong Mac = 1UL << 5;

    /// <summary>Bit 7: the driver takes TCP segments over IPv4 that are larger than a frame.</summary>
    public const ulong GuestTso4 = 1UL << 7;

    /// <summary>Bit 8: the driver takes TCP segments over IPv6 that are larger than a frame.</summary>
    public const ulong GuestTso6 = 1UL << 8;

    /// <summary>Bit 9: the driver takes such segments with congestion marks.</summary>
    public const ulong GuestEcn = 1UL << 9;

    /// <summary>Bit 10: the driver takes UDP datagrams that are larger than a frame.</summary>
    public const ulong GuestUfo = 1UL << 10;

    /// <summary>Bit 11: the device takes TCP segments over IPv4 that are larger than a frame.</summary>
    public const ulong HostTso4 = 1UL << 11;

    /// <summary>Bit 12: the device takes TCP segments over IPv6 that are larger than a frame.</summary>
    public const ulong HostTso6 = 1UL << 12;

    /// <summary>Bit 13: the device takes such segments with congestion marks.</summary>
    public const ulong HostEcn = 1UL << 13;

    /// <summary>Bit 14: the device takes UDP datagrams that are larger than a frame.</summary>
    public const ulong HostUfo = 1UL << 14;

    /// <summary>Bit 15: a received frame may fill several buffers.</summary>
    public const ulong MergeBuffers = 1UL << 15;

    /// <summary>Bit 16: whether the link is up is in status.</summary>
    public const ulong Status = 1UL << 16;

    /// <summary>Bit 17: a control queue.</summary>
    public const ulong ControlQueue = 1UL << 17;

    /// <summary>Bit 18: the driver says which frames it wants.</summary>
    public const ulong ControlReceive = 1UL << 18;

    /// <summary>Bit 19: the driver says which VLANs it wants.</summary>
    public const ulong ControlVlan = 1UL << 19;

    /// <summary>Bit 20: more ways to say which frames it wants; the number is missing in virtio 1.2.</summary>
    public const ulong ControlReceiveExtra = 1UL << 20;

    /// <summary>Bit 21: the device can ask the driver to announce itself.</summary>
    public const ulong GuestAnnounce = 1UL << 21;

    /// <summary>Bit 22: several pairs of queues.</summary>
    public const ulong MultiQueue = 1UL << 22;

    /// <summary>Bit 23: the driver sets the address.</summary>
    public const ulong ControlMacAddress = 1UL << 23;

    /// <summary>Bit 63: the speed of the link is in speed and duplex.</summary>
    public const ulong SpeedDuplex = 1UL << 63;

    /// <summary>All bits by which a driver says what received frames may be like.</summary>
    internal const ulong GuestOffloads = GuestChecksum | GuestTso4 | GuestTso6 | GuestEcn | GuestUfo;

    /// <summary>Whether no bit is there without those that it needs (5.1.3.1).</summary>
    /// <param name="features">The bits.</param>
    internal static bool AreConsistent(ulong features)
    {
        const ulong NeedControl =
            ControlReceive | ControlVlan | GuestAnnounce | MultiQueue | ControlMacAddress;
        bool Has(ulong any) => (features & any) != 0;
        if (Has(GuestTso4 | GuestTso6 | GuestUfo) && !Has(GuestChecksum)) return false;
        if (Has(GuestEcn) && !Has(GuestTso4 | GuestTso6)) return false;
        if (Has(HostTso4 | HostTso6 | HostUfo) && !Has(Checksum)) return false;
        if (Has(HostEcn) && !Has(HostTso4 | HostTso6)) return false;
        return !Has(NeedControl) || Has(ControlQueue);
    }
}
