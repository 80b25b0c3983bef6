namespace Squib.Virtio.Devices.Vsock;

/// <summary>What a packet asks for (virtio 1.2, 5.10.6).</summary>
internal enum VsockOperation : ushort
{
    /// <summary>Nothing that a packet may ask for.</summary>
    Invalid,

    /// <summary>To connect.</summary>
    Request,

    /// <summary>The connection is made.</summary>
    Response,

    /// <summary>The connection is gone or was refused.</summary>
    Reset,

    /// <summary>The sender will not receive, or not send, any more; see <see cref="VsockShutdown"/>.</summary>
    Shutdown,

    /// <summary>Data.</summary>
    ReadWrite,

    /// <summary>The sender's buffer space, which is in every packet.</summary>
    CreditUpdate,

    /// <summary>To send a credit update.</summary>
    CreditRequest,
}
