namespace Squib.Cli.Demo.Peer;

/// <summary>The addresses of the network that the peer makes: 198.51.100.0/24, which is for examples (RFC 5737).</summary>
internal static class PeerAddress
{
    /// <summary>The peer's address, 198.51.100.1: the guest's gateway.</summary>
    public const uint Host = 0xC633_6401;

    /// <summary>The guest's address, 198.51.100.2.</summary>
    public const uint Guest = 0xC633_6402;

    /// <summary>The mask of the network.</summary>
    public const uint Mask = 0xFFFF_FF00;

    /// <summary>The address of everybody.</summary>
    public const uint Everybody = 0xFFFF_FFFF;

    /// <summary>The peer's Ethernet address, one that was given by hand (its second bit says so).</summary>
    public static ReadOnlySpan<byte> Ethernet => [0x02, 0x73, 0x71, 0x75, 0x69, 0x62];

    /// <summary>The Ethernet address of everybody.</summary>
    public static ReadOnlySpan<byte> EthernetEverybody => [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
}
