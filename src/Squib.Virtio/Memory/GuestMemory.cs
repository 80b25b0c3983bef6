namespace Squib.Virtio.Memory;

/// <summary>The guest-physical memory that devices may touch: regions lent by their owner, with holes between them.</summary>
/// <remarks>
/// Regions are at most 2 GiB each; larger memory is several regions side by side. An access may run from one region into the
/// next where there is no hole. Nothing here throws for an address that a guest chose.
/// </remarks>
public sealed class GuestMemory
{
    private readonly GuestRegion[] regions;

    /// <summary>Joins regions to one memory.</summary>
    /// <param name="regions">The regions, in any order; at least one.</param>
    /// <exception cref="ArgumentException">There is no region, or two of them overlap.</exception>
    public GuestMemory(params IEnumerable<GuestRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(regions);
        this.regions = [.. regions.OrderBy(region => region.Start)];
        if (this.regions.Length == 0) throw new ArgumentException("Guest memory needs a region.", nameof(regions));
        for (int i = 1; i < this.regions.Length; i++)
        {
            GuestRegion before = this.regions[i - 1];
            if (this.regions[i].Start - before.Start < (ulong)before.Length)
                throw new ArgumentException($"The regions at 0x{before.Start:x} and 0x{this.regions[i].Start:x} overlap.", nameof(regions));
        }
    }

    /// <summary>The regions, ordered by address.</summary>
    public IReadOnlyList<GuestRegion> Regions => regions;

    internal GuestRegion[] RegionArray => regions;

    /// <summary>The number of bytes in all regions.</summary>
    public long TotalBytes => regions.Sum(region => (long)region.Length);

    /// <summary>Whether all bytes of a range are memory; the empty range is.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The number of bytes.</param>
    public bool Contains(ulong address, ulong length) => Covers(address, length, toWrite: false);

    /// <summary>Copies bytes out of guest memory.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Where to; its length is the number of bytes.</param>
    /// <returns>Whether all of the range is memory; if not, the destination is undefined.</returns>
    public bool TryRead(ulong address, Span<byte> destination)
    {
        if (Wraps(address, (ulong)destination.Length)) return false;
        while (!destination.IsEmpty)
        {
            if (!TryGetSpan(address, destination.Length, out Span<byte> piece)) return false;
            piece.CopyTo(destination);
            destination = destination[piece.Length..];
            address += (ulong)piece.Length;
        }

        return true;
    }

    /// <summary>Copies bytes into guest memory; nothing is written unless all of the range is writable memory.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>Whether the bytes were written.</returns>
    public bool TryWrite(ulong address, ReadOnlySpan<byte> source)
    {
        if (!IsWritable(address, (ulong)source.Length)) return false;
        while (!source.IsEmpty && TryGetSpan(address, source.Length, out Span<byte> piece))
        {
            source[..piece.Length].CopyTo(piece);
            source = source[piece.Length..];
            address += (ulong)piece.Length;
        }

        return true;
    }

    /// <summary>Whether all bytes of a range are memory that devices may write.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The number of bytes.</param>
    public bool IsWritable(ulong address, ulong length) => Covers(address, length, toWrite: true);

    /// <summary>Finds the host memory of a range as far as one region holds it.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="length">The number of bytes wanted, not negative.</param>
    /// <param name="span">The host memory: <paramref name="length"/> bytes, or fewer where the region ends.</param>
    /// <returns>Whether the first byte is memory.</returns>
    public bool TryGetSpan(ulong address, int length, out Span<byte> span)
    {
        span = default;
        if (Find(address) is not { } region) return false;
        int offset = (int)(address - region.Start);
        span = region.Slice(offset, Math.Min(length, region.Length - offset));
        return true;
    }

    /// <summary>The region that holds an address, or null.</summary>
    /// <param name="address">A guest-physical address.</param>
    public GuestRegion? Find(ulong address)
    {
        // Few machines have more than a handful of regions: a scan beats a search.
        foreach (GuestRegion region in regions)
        {
            if (address - region.Start < (ulong)region.Length) return region;
        }

        return null;
    }

    /// <summary>Whether a range runs past 2^64; it does not go on at address 0.</summary>
    internal static bool Wraps(ulong address, ulong length) => length > 0 && length - 1 > ulong.MaxValue - address;

    private bool Covers(ulong address, ulong length, bool toWrite)
    {
        if (Wraps(address, length)) return false;
        while (length > 0)
        {
            if (Find(address) is not { } region || (toWrite && region.ReadOnly)) return false;
            ulong here = (ulong)region.Length - (address - region.Start);
            if (length <= here) return true;
            length -= here;
            address += here;
        }

        return true;
    }
}
