namespace Squib.Virtio.Devices.Vsock;

/// <summary>The directions that a side has given up, for good (virtio 1.2, 5.10.6.5).</summary>
[Flags]
internal enum VsockShutdown : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>It will not receive.</summary>
    NoReceive = 1,

    /// <summary>It will not send.</summary>
    NoSend = 2,

    /// <summary>Neither: the other side answers with a reset.</summary>
    Both = NoReceive | NoSend,
}
