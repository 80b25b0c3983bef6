namespace Squib.Virtio.Devices.Vsock;

/// <summary>How far a connection is.</summary>
internal enum VsockState
{
    /// <summary>The guest asks for it, and the host has not answered.</summary>
    Asked,

    /// <summary>The host asks for it, and the guest has not answered.</summary>
    Asking,

    /// <summary>It is made.</summary>
    Open,

    /// <summary>It is no more for the guest; the host may still read what came.</summary>
    Closed,
}
