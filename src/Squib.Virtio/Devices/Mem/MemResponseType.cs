namespace Squib.Virtio.Devices.Mem;

/// <summary>What a driver is answered.</summary>
internal enum MemResponseType : ushort
{
    /// <summary>It was done.</summary>
    Ack = 0,

    /// <summary>It is refused: more than was requested of the driver.</summary>
    Nack = 1,

    /// <summary>It cannot be done now.</summary>
    Busy = 2,

    /// <summary>The request makes no sense.</summary>
    Error = 3,
}
