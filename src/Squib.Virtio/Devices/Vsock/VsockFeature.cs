namespace Squib.Virtio.Devices.Vsock;

/// <summary>Feature bits of a socket device (virtio 1.2, 5.10.3).</summary>
public static class VsockFeature
{
    /// <summary>Stream sockets.</summary>
    public const ulong Stream = 1UL << 0;

    /// <summary>Sequenced packet sockets, which keep the bounds of messages; streams are there too.</summary>
    public const ulong SeqPacket = 1UL << 1;
}
