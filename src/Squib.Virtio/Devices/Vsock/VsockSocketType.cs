namespace Squib.Virtio.Devices.Vsock;

/// <summary>What a connection carries; the values are those of a packet's type field (virtio 1.2, 5.10.6).</summary>
public enum VsockSocketType
{
    /// <summary>Bytes in order.</summary>
    Stream = 1,

    /// <summary>Messages in order.</summary>
    SeqPacket = 2,
}
