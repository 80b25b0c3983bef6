namespace Squib.Virtio.Devices.Console;

/// <summary>What a control message says (virtio 1.2, 5.3.6.2).</summary>
internal enum ConsoleEvent : ushort
{
    /// <summary>Driver: it is ready for messages (value 1), or has failed.</summary>
    DeviceReady = 0,

    /// <summary>Device: there is a port.</summary>
    PortAdd = 1,

    /// <summary>Device: the port is gone.</summary>
    PortRemove = 2,

    /// <summary>Driver: it is ready for the port (value 1), or has failed.</summary>
    PortReady = 3,

    /// <summary>Device: the port is a terminal.</summary>
    ConsolePort = 4,

    /// <summary>Device: the size of the window.</summary>
    Resize = 5,

    /// <summary>Either: the sender's side of the port is open (value 1) or closed (0).</summary>
    PortOpen = 6,

    /// <summary>Device: the name of the port.</summary>
    PortName = 7,
}
