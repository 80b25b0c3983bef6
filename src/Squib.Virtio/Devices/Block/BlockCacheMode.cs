namespace Squib.Virtio.Devices.Block;

/// <summary>When data that the guest has written is on the host's storage.</summary>
public enum BlockCacheMode
{
    /// <summary>
    /// When the guest asks for it by FLUSH. The driver may switch to <see cref="WriteThrough"/> and back.
    /// </summary>
    WriteBack,

    /// <summary>Before a write completes. The driver may switch to <see cref="WriteBack"/> and back.</summary>
    WriteThrough,

    /// <summary>
    /// When the host likes: FLUSH is not offered and nothing is promised. For disks that may be lost.
    /// </summary>
    Unsafe,
}
