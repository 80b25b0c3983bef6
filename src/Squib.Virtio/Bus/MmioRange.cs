namespace Squib.Virtio.Bus;

/// <summary>A range of guest-physical addresses.</summary>
public readonly record struct MmioRange
{
    /// <summary>Creates a range.</summary>
    /// <param name="start">The first address.</param>
    /// <param name="length">The length in bytes, not zero.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is zero, or the range runs past 2^64.</exception>
    public MmioRange(ulong start, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length - 1, ulong.MaxValue - start, nameof(length));
        Start = start;
        Length = length;
    }

    /// <summary>The first address.</summary>
    public ulong Start { get; }

    /// <summary>The length in bytes.</summary>
    public ulong Length { get; }

    /// <summary>The last address that belongs to the range.</summary>
    public ulong Last => Start + (Length - 1);

    /// <summary>Whether an address lies in the range.</summary>
    /// <param name="address">A guest-physical address.</param>
    public bool Contains(ulong address) => address - Start < Length;

    /// <summary>Whether two ranges share an address.</summary>
    /// <param name="other">The other range.</param>
    public bool Overlaps(MmioRange other) => Start <= other.Last && other.Start <= Last;

    /// <summary>Writes the range as its first and last address.</summary>
    public override string ToString() => $"0x{Start:x}-0x{Last:x}";
}
