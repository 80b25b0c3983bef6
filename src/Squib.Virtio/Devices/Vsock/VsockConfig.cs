using System.Buffers.Binary;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>The configuration space of a socket device: le64 guest_cid (virtio 1.2, 5.10.4).</summary>
internal static class VsockConfig
{
    private const int GuestCid = 0;

    internal static ConfigSpace Create(uint guestCid)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, guestCid);
        return new(bytes);
    }

    /// <summary>Changes the id; the driver reads it again when it gets a transport reset event, not before.</summary>
    internal static void SetGuestCid(ConfigSpace config, uint guestCid)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, guestCid);
        config.Set(GuestCid, bytes);
    }
}
