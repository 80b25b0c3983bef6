using Squib.Virtio.Limits;

namespace Squib.Virtio.Devices.Console;

/// <summary>What a console offers.</summary>
public sealed record ConsoleOptions
{
    /// <summary>The most ports that a device may have.</summary>
    public const int MostPorts = 31;

    /// <summary>The width of the window, in characters.</summary>
    public ushort Columns { get; init; } = 80;

    /// <summary>The height of the window, in characters.</summary>
    public ushort Rows { get; init; } = 25;

    /// <summary>Whether to offer EMERG_WRITE.</summary>
    public bool EmergencyWrite { get; init; } = true;

    /// <summary>
    /// The number of ports that there is room for, 1 to <see cref="MostPorts"/>; MULTIPORT is offered for more than
    /// one.
    /// </summary>
    public int MaxPorts { get; init; } = 1;

    /// <summary>
    /// The most bytes of input that wait for the guest on one port, not 0; whoever writes more waits.
    /// </summary>
    public int InputBufferBytes { get; init; } = 16_384;

    /// <summary>
    /// The most bytes of output that wait for the stream of one port, not 0; after that the guest waits.
    /// </summary>
    public int OutputBufferBytes { get; init; } = 16_384;

    /// <summary>The largest size of each queue.</summary>
    public ushort QueueSize { get; init; } = 64;

    /// <summary>The clock that limits emergency writes and tries of a failed stream.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>What limits the bytes and buffers of all ports, both ways, at first; null for nothing.</summary>
    public RateLimiter? Limiter { get; init; }

    /// <summary>Refuses what cannot be offered.</summary>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPorts, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxPorts, MostPorts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(InputBufferBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(OutputBufferBytes);
        ArgumentOutOfRangeException.ThrowIfZero(QueueSize);
        ArgumentNullException.ThrowIfNull(Time);
    }
}
