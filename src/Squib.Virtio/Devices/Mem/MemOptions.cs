namespace Squib.Virtio.Devices.Mem;

/// <summary>What a memory device offers.</summary>
public sealed record MemOptions
{
    /// <summary>The guest-physical address of the region, a multiple of <see cref="BlockBytes"/>.</summary>
    /// <remarks>
    /// Linux on arm64 uses blocks of 128 MiB, aligned; a region that is not so aligned loses its ends.
    /// </remarks>
    public required ulong Address { get; init; }

    /// <summary>
    /// The length of the region in bytes, a multiple of <see cref="BlockBytes"/>: the most memory there can be.
    /// </summary>
    public required long RegionBytes { get; init; }

    /// <summary>
    /// How much of it the driver shall plug at first, in bytes, a multiple of <see cref="BlockBytes"/>.
    /// </summary>
    public long RequestedBytes { get; init; }

    /// <summary>The size of what is plugged and unplugged, in bytes: a power of two from 4096 on.</summary>
    public long BlockBytes { get; init; } = 2 << 20;

    /// <summary>The proximity domain of the memory; null offers no ACPI_PXM.</summary>
    public ushort? Node { get; init; }

    /// <summary>
    /// Whether to ask drivers not to touch unplugged memory; one that does not accept it is served all the same.
    /// </summary>
    public bool UnpluggedInaccessible { get; init; } = true;

    /// <summary>The largest size of the queue.</summary>
    public ushort QueueSize { get; init; } = 128;

    internal ulong Features =>
        (Node is null ? 0 : MemFeature.ProximityDomain)
        | (UnpluggedInaccessible ? MemFeature.UnpluggedInaccessible : 0);

    /// <summary>Refuses what cannot be offered.</summary>
    internal void Validate()
    {
        if (BlockBytes < 4096 || !long.IsPow2(BlockBytes))
        {
            throw new ArgumentException(
                $"A block of {BlockBytes} bytes is no power of two from 4096 on.", nameof(BlockBytes));
        }

        if (Address % (ulong)BlockBytes != 0)
        {
            throw new ArgumentException(
                $"0x{Address:x} is not a multiple of the block size, {BlockBytes}.", nameof(Address));
        }

        if (RegionBytes <= 0 || RegionBytes % BlockBytes != 0 || (ulong)RegionBytes - 1 > ulong.MaxValue - Address)
        {
            throw new ArgumentException(
                $"A region of {RegionBytes} bytes at 0x{Address:x} is not whole blocks of {BlockBytes}.",
                nameof(RegionBytes));
        }

        if (RegionBytes / BlockBytes > int.MaxValue)
        {
            throw new ArgumentException(
                $"A region has at most {int.MaxValue} blocks, not {RegionBytes / BlockBytes}.", nameof(RegionBytes));
        }

        CheckRequested(RequestedBytes, nameof(RequestedBytes));
        ArgumentOutOfRangeException.ThrowIfZero(QueueSize);
    }

    internal void CheckRequested(long bytes, string name)
    {
        if (bytes < 0 || bytes > RegionBytes || bytes % BlockBytes != 0)
        {
            throw new ArgumentOutOfRangeException(
                name, bytes, $"What is requested is a multiple of {BlockBytes} bytes from 0 to {RegionBytes}.");
        }
    }
}
