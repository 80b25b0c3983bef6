namespace Squib.Virtio.Devices.Block;

/// <summary>How a block request ended; the value is the status byte (virtio 1.2, 5.2.6).</summary>
public enum BlockStatus : byte
{
    /// <summary>VIRTIO_BLK_S_OK: done.</summary>
    Ok = 0,

    /// <summary>VIRTIO_BLK_S_IOERR: the host failed, or the request asks for what the disk does not have.</summary>
    IoError = 1,

    /// <summary>
    /// VIRTIO_BLK_S_UNSUPP: the device does not know the request, or the driver did not negotiate it.
    /// </summary>
    Unsupported = 2,
}
