using System.Security.Cryptography;
using Squib.Virtio.Limits;

namespace Squib.Virtio.Devices.Rng;

/// <summary>What an entropy device gives.</summary>
public sealed record RngOptions
{
    /// <summary>The source of the bytes; by default the operating system's generator.</summary>
    public EntropySource Source { get; init; } = RandomNumberGenerator.Fill;

    /// <summary>The most bytes for one request, not 0: a driver may ask for gigabytes.</summary>
    public int MaxRequestBytes { get; init; } = 65_536;

    /// <summary>What limits the bytes and requests at first; null for nothing.</summary>
    public RateLimiter? Limiter { get; init; }

    /// <summary>The largest size of the queue.</summary>
    public ushort QueueSize { get; init; } = 64;
}
