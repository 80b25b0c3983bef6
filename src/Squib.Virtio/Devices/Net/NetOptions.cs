using Squib.Virtio.Limits;

namespace Squib.Virtio.Devices.Net;

/// <summary>What a network device offers.</summary>
public sealed record NetOptions
{
    /// <summary>The smallest MTU in bytes (virtio 1.2, 5.1.4.1); below 1,280 there is no IPv6.</summary>
    public const int MinMtu = 68;

    /// <summary>The most pairs of queues. Each costs a device two loops; the specification would allow 32,768.</summary>
    public const int MaxQueuePairs = 128;

    /// <summary>The most addresses that a driver can have in its filter, unicast and multicast together.</summary>
    public const int MaxFilterAddresses = 1024;

    /// <summary>The speed of a link that nobody knows.</summary>
    public const uint UnknownSpeed = uint.MaxValue;

    /// <summary>The largest speed, in Mbit/s.</summary>
    public const uint MaxSpeedMbps = int.MaxValue;

    /// <summary>The address that the driver is given; by default one that is made up.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>The largest payload of a frame in bytes, 68 to 65,535; null leaves it to the guest and does not offer MTU.</summary>
    public int? Mtu { get; init; }

    /// <summary>The number of pairs of queues, 1 to <see cref="MaxQueuePairs"/>; MQ is offered for more than one.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>The largest size of each queue, 1 to 32,768.</summary>
    public ushort QueueSize { get; init; } = 256;

    /// <summary>Whether to offer MRG_RXBUF.</summary>
    public bool MergeBuffers { get; init; } = true;

    /// <summary>Whether to offer the control queue with all that needs it: filters, the address, announcements, offloads.</summary>
    public bool ControlQueue { get; init; } = true;

    /// <summary>What to offer of the work on frames that can be left to the other side, as far as the backend can.</summary>
    public NetOffloads Offloads { get; init; } = NetOffloads.All;

    /// <summary>Whether the link is up at first.</summary>
    public bool LinkUp { get; init; } = true;

    /// <summary>The speed of the link in Mbit/s, 0 to 2,147,483,647, or <see cref="UnknownSpeed"/>.</summary>
    public uint SpeedMbps { get; init; } = UnknownSpeed;

    /// <summary>Whether the link carries both directions at once; null if nobody knows.</summary>
    public bool? FullDuplex { get; init; }

    /// <summary>What limits the frames to the driver, and their bytes, at first; null for nothing.</summary>
    public RateLimiter? ReceiveLimiter { get; init; }

    /// <summary>What limits the frames of the driver, and their bytes, at first; null for nothing.</summary>
    public RateLimiter? TransmitLimiter { get; init; }

    /// <summary>Refuses what cannot be offered.</summary>
    internal void Validate()
    {
        if (Mac is { IsUnicast: false }) throw new ArgumentException($"{Mac} cannot be the address of an interface.", nameof(Mac));
        // MUST (5.1.4.1): mtu is from 68 to 65,535.
        if (Mtu is < MinMtu or > ushort.MaxValue)
            throw new ArgumentOutOfRangeException(nameof(Mtu), Mtu, $"An MTU has {MinMtu} to {ushort.MaxValue} bytes.");
        if (QueuePairs is < 1 or > MaxQueuePairs)
            throw new ArgumentOutOfRangeException(nameof(QueuePairs), QueuePairs, $"There are 1 to {MaxQueuePairs} pairs of queues.");
        if (QueuePairs > 1 && !ControlQueue)
            throw new ArgumentException("Several pairs of queues need a control queue.", nameof(ControlQueue));
        ArgumentOutOfRangeException.ThrowIfZero(QueueSize);
        CheckSpeed(SpeedMbps);
    }

    /// <summary>Refuses a speed that cannot be told.</summary>
    internal static void CheckSpeed(uint speedMbps)
    {
        // MUST (5.1.4.1): speed is 0 to 0x7fffffff, or 0xffffffff for unknown.
        if (speedMbps is > MaxSpeedMbps and not UnknownSpeed)
            throw new ArgumentOutOfRangeException(nameof(speedMbps), speedMbps, $"A speed is at most {MaxSpeedMbps} Mbit/s.");
    }
}
