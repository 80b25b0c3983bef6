using Squib.Virtio.Limits;

namespace Squib.Virtio.Devices.Block;

/// <summary>What a block device offers.</summary>
public sealed record BlockOptions
{
    /// <summary>The most bytes of <see cref="Id"/>.</summary>
    public const int MaxIdBytes = 20;

    /// <summary>What GET_ID answers, in Linux the attribute serial: at most 20 ASCII characters.</summary>
    public string Id { get; init; } = "";

    /// <summary>Whether the driver may only read; a read-only backend implies it.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>When written data is on the host's storage.</summary>
    public BlockCacheMode Cache { get; init; } = BlockCacheMode.WriteBack;

    /// <summary>
    /// The size of a logical block in bytes, a power of two of 512 to 65,536; sectors on the wire stay 512 bytes.
    /// </summary>
    public int BlockSize { get; init; } = 512;

    /// <summary>
    /// The size of a physical block in bytes, a power of two not below <see cref="BlockSize"/>; 0 for the same.
    /// </summary>
    public int PhysicalBlockSize { get; init; }

    /// <summary>The smallest transfer that suits the storage, in logical blocks; 0 for no advice.</summary>
    public ushort MinIoBlocks { get; init; }

    /// <summary>The best transfer for the storage, in logical blocks; 0 for no advice.</summary>
    public uint OptimalIoBlocks { get; init; }

    /// <summary>The number of queues; MQ is offered for more than one.</summary>
    public ushort QueueCount { get; init; } = 1;

    /// <summary>The largest size of each queue, 1 to 32,768.</summary>
    public ushort QueueSize { get; init; } = 256;

    /// <summary>The most data segments of a request, not 0.</summary>
    public uint MaxSegments { get; init; } = 254;

    /// <summary>The largest data segment in bytes; 0 for no limit, which does not offer SIZE_MAX.</summary>
    public uint MaxSegmentBytes { get; init; }

    /// <summary>Whether to offer DISCARD where the backend can give storage back.</summary>
    public bool Discard { get; init; } = true;

    /// <summary>Whether to offer WRITE_ZEROES.</summary>
    public bool WriteZeroes { get; init; } = true;

    /// <summary>The most ranges of one DISCARD or WRITE_ZEROES request, 1 to 1,024.</summary>
    public int MaxRanges { get; init; } = 32;

    /// <summary>The most sectors of one range of a DISCARD request, not 0.</summary>
    public uint MaxDiscardSectors { get; init; } = 1 << 22;

    /// <summary>
    /// The most sectors of one range of a WRITE_ZEROES request, not 0; a backend may have to write them all.
    /// </summary>
    public uint MaxWriteZeroesSectors { get; init; } = 1 << 17;

    /// <summary>The alignment that ranges of a DISCARD request should have, in sectors, not 0.</summary>
    public uint DiscardAlignmentSectors { get; init; } = 8;

    /// <summary>What limits the bytes and requests at first; null for nothing.</summary>
    public RateLimiter? Limiter { get; init; }

    /// <summary>Refuses what cannot be offered.</summary>
    internal void Validate()
    {
        if (Id.Length > MaxIdBytes || !System.Text.Ascii.IsValid(Id))
            throw new ArgumentException($"\"{Id}\" is not an id of at most {MaxIdBytes} ASCII characters.", nameof(Id));
        if (BlockSize is < 512 or > 65_536 || !int.IsPow2(BlockSize))
            throw new ArgumentException($"{BlockSize} is not a power of two from 512 to 65,536.", nameof(BlockSize));
        if (PhysicalBlockSize != 0 && (PhysicalBlockSize < BlockSize || !int.IsPow2(PhysicalBlockSize)))
        {
            throw new ArgumentException(
                $"{PhysicalBlockSize} is not a power of two from {BlockSize} on.", nameof(PhysicalBlockSize));
        }

        ArgumentOutOfRangeException.ThrowIfZero(QueueCount);
        ArgumentOutOfRangeException.ThrowIfZero(QueueSize);
        ArgumentOutOfRangeException.ThrowIfZero(MaxSegments);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxRanges, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxRanges, 1024);
        ArgumentOutOfRangeException.ThrowIfZero(MaxDiscardSectors);
        ArgumentOutOfRangeException.ThrowIfZero(MaxWriteZeroesSectors);
        ArgumentOutOfRangeException.ThrowIfZero(DiscardAlignmentSectors);
    }
}
