namespace Squib.Virtio.Interrupts;

/// <summary>The validated id of a shared peripheral interrupt (SPI).</summary>
/// <remarks>
/// A GIC numbers SPIs 32 to 1019 (the raw INTID). A device tree counts them from zero (the SPI cell): raw = cell + 32.
/// </remarks>
public readonly record struct IntId
{
    /// <summary>The lowest raw INTID of an SPI.</summary>
    public const uint FirstSpi = 32;

    /// <summary>The highest raw INTID of an SPI.</summary>
    public const uint LastSpi = 1019;

    /// <summary>Creates an id from a raw INTID.</summary>
    /// <param name="raw">32 to 1019.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is not that of an SPI.</exception>
    public IntId(uint raw)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(raw, FirstSpi);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(raw, LastSpi);
        Raw = raw;
    }

    /// <summary>The number that the GIC uses, 32 to 1019; 0 in the default value, which is no interrupt.</summary>
    public uint Raw { get; }

    /// <summary>The number that a device tree uses.</summary>
    public uint SpiCell => Raw - FirstSpi;

    /// <summary>Creates an id from the number in a device tree.</summary>
    /// <param name="cell">0 to 987.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such SPI.</exception>
    public static IntId FromSpiCell(uint cell)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(cell, LastSpi - FirstSpi);
        return new(cell + FirstSpi);
    }

    /// <summary>Writes both numbers.</summary>
    public override string ToString() => $"INTID {Raw} (SPI {SpiCell})";
}
