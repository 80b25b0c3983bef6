namespace Squib.Virtio.Devices.Vsock;

/// <summary>Context ids, the addresses of machines (virtio 1.2, 5.10.4).</summary>
public static class VsockCid
{
    /// <summary>The host.</summary>
    public const uint Host = 2;

    /// <summary>The smallest id that a guest can have.</summary>
    public const uint FirstGuest = 3;

    /// <summary>The largest id that a guest can have; the one above stands for any.</summary>
    public const uint LastGuest = uint.MaxValue - 1;

    /// <summary>Whether an id is one that a guest can have.</summary>
    /// <param name="cid">The id; 0, 1, 2, 0xffff_ffff and all that do not fit in 32 bits are reserved.</param>
    public static bool IsGuest(ulong cid) => cid is >= FirstGuest and <= LastGuest;
}
