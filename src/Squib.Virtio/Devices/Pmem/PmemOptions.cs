using Squib.Virtio.Limits;

namespace Squib.Virtio.Devices.Pmem;

/// <summary>What persistent memory offers.</summary>
public sealed record PmemOptions
{
    /// <summary>The alignment that Linux asks of persistent memory, in bytes.</summary>
    public const int Alignment = 2 << 20;

    /// <summary>The guest-physical address of the memory, a multiple of <see cref="Alignment"/>.</summary>
    public required ulong Address { get; init; }

    /// <summary>The length of the memory in bytes, a multiple of <see cref="Alignment"/>, not 0.</summary>
    public required long Length { get; init; }

    /// <summary>Whether to offer SHMEM_REGION.</summary>
    public bool SharedMemory { get; init; } = true;

    /// <summary>The largest size of the queue.</summary>
    public ushort QueueSize { get; init; } = 64;

    /// <summary>What limits the flushes at first; null for nothing.</summary>
    public RateLimiter? Limiter { get; init; }

    /// <summary>Refuses what cannot be offered.</summary>
    internal void Validate()
    {
        if (Address % Alignment != 0)
            throw new ArgumentException($"0x{Address:x} is not a multiple of 2 MiB.", nameof(Address));
        if (Length <= 0 || Length % Alignment != 0 || (ulong)Length - 1 > ulong.MaxValue - Address)
        {
            throw new ArgumentException(
                $"{Length} bytes at 0x{Address:x} are not a multiple of 2 MiB.", nameof(Length));
        }

        ArgumentOutOfRangeException.ThrowIfZero(QueueSize);
    }
}
