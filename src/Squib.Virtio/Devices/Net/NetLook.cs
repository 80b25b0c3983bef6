namespace Squib.Virtio.Devices.Net;

/// <summary>What a look at a queue of the backend has shown.</summary>
internal enum NetLook
{
    /// <summary>No frame: the backend tells when there is one.</summary>
    Nothing,

    /// <summary>A frame for the receiver that looked.</summary>
    Frame,

    /// <summary>A frame for another receiver, who has to be woken.</summary>
    Elsewhere,

    /// <summary>So many frames that nobody wants that others get their turn first.</summary>
    Later,
}
