using Squib.Virtio.Limits;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>What a socket device offers, and how much of the host a guest can make it use.</summary>
public sealed record VsockOptions
{
    /// <summary>The most connections that a device can be given: a count of 10 bits less one, as other devices have it.</summary>
    public const int MostConnections = 1023;

    /// <summary>The most payload of one packet to the guest, in bytes; what comes from it is bound by its credit.</summary>
    public const int MaxPacketBytes = 65_536;

    /// <summary>The guest's context id, 3 to 0xffff_fffe.</summary>
    public uint GuestCid { get; init; } = VsockCid.FirstGuest;

    /// <summary>Whether to offer SEQPACKET.</summary>
    public bool SeqPacket { get; init; } = true;

    /// <summary>The most connections at a time, 1 to <see cref="MostConnections"/>, those being made and those being ended included.</summary>
    public int MaxConnections { get; init; } = MostConnections;

    /// <summary>The most bytes of one connection that wait for the host, 4 KiB to 16 MiB; the guest is told so and sends no more.</summary>
    public int BufferBytes { get; init; } = 65_536;

    /// <summary>
    /// The most refusals that wait for room in the guest's receive queue, 1 to 65,536. When there are so many nothing more is taken
    /// from the transmit queue until the guest lends receive buffers.
    /// </summary>
    public int MaxPendingResets { get; init; } = 256;

    /// <summary>How long the other side may take to answer a request for a connection.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the guest may take to confirm the end of a connection; then it is reset.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The largest size of each queue.</summary>
    public ushort QueueSize { get; init; } = 256;

    /// <summary>The clock of the timeouts.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>What limits the payload bytes and the packets, both ways, at first; null for nothing.</summary>
    public RateLimiter? Limiter { get; init; }

    /// <summary>Refuses what cannot be offered.</summary>
    internal void Validate()
    {
        // MUST NOT (5.10.6.4): the guest's id is not a reserved one.
        ArgumentOutOfRangeException.ThrowIfLessThan(GuestCid, VsockCid.FirstGuest);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(GuestCid, VsockCid.LastGuest);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxConnections, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxConnections, MostConnections);
        ArgumentOutOfRangeException.ThrowIfLessThan(BufferBytes, 4096);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(BufferBytes, 16 << 20);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPendingResets, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxPendingResets, 65_536);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ConnectTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ShutdownTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfZero(QueueSize);
        ArgumentNullException.ThrowIfNull(Time);
    }
}
