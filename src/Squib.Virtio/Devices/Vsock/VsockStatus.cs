namespace Squib.Virtio.Devices.Vsock;

/// <summary>How an operation on a connection ended.</summary>
internal enum VsockStatus
{
    /// <summary>It was done.</summary>
    Ok,

    /// <summary>The guest sends no more; all that it sent has been read.</summary>
    End,

    /// <summary>The guest receives no more.</summary>
    Broken,

    /// <summary>The connection was reset by the guest, or because the guest broke the rules, or with the whole device.</summary>
    Reset,

    /// <summary>The guest did not answer in time.</summary>
    TimedOut,

    /// <summary>The guest has nobody listening on the port.</summary>
    Refused,

    /// <summary>There are as many connections as there can be.</summary>
    TooMany,

    /// <summary>No driver serves the device.</summary>
    NotRunning,

    /// <summary>The guest's driver does not know this type of socket.</summary>
    Unsupported,

    /// <summary>The message is longer than the guest's buffer.</summary>
    TooLong,

    /// <summary>The caller gave up waiting.</summary>
    Cancelled,

    /// <summary>The host's side was disposed of.</summary>
    Disposed,
}
