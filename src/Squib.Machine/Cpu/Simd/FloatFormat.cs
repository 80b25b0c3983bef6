namespace Squib.Machine.Cpu.Simd;

/// <summary>
/// A binary floating-point format of IEEE 754: its widths, and the bit patterns that are special in it.
/// </summary>
/// <param name="Bits">The width of a value: 16, 32, or 64.</param>
/// <param name="FractionBits">The width of the fraction field: 10, 23, or 52.</param>
internal readonly record struct FloatFormat(int Bits, int FractionBits)
{
    /// <summary>Half precision; a storage format only on this CPU.</summary>
    public static readonly FloatFormat Half = new(16, 10);

    /// <summary>Single precision.</summary>
    public static readonly FloatFormat Single = new(32, 23);

    /// <summary>Double precision.</summary>
    public static readonly FloatFormat Double = new(64, 52);

    /// <summary>The exponent field of infinities and NaNs.</summary>
    public int ExponentMax => (1 << (Bits - 1 - FractionBits)) - 1;

    /// <summary>What the exponent field adds to the exponent.</summary>
    public int Bias => ExponentMax >> 1;

    /// <summary>The exponent of the smallest normal number.</summary>
    public int MinimumExponent => 1 - Bias;

    /// <summary>The sign bit.</summary>
    public ulong SignBit => 1UL << (Bits - 1);

    /// <summary>The fraction field.</summary>
    public ulong FractionMask => (1UL << FractionBits) - 1;

    /// <summary>The fraction bit that tells a quiet NaN from a signalling one.</summary>
    public ulong QuietBit => 1UL << (FractionBits - 1);

    /// <summary>The NaN that invalid operations produce.</summary>
    public ulong DefaultNaN => Pack(false, ExponentMax, QuietBit);

    /// <summary>The format of lanes of 2^<paramref name="size"/> bytes; 1 to 3.</summary>
    public static FloatFormat OfSize(int size) => size switch { 1 => Half, 2 => Single, _ => Double };

    /// <summary>Puts the three fields together.</summary>
    public ulong Pack(bool sign, int exponent, ulong fraction) =>
        (sign ? SignBit : 0) | ((ulong)exponent << FractionBits) | fraction;

    /// <summary>Zero of a sign.</summary>
    public ulong Zero(bool sign) => sign ? SignBit : 0;

    /// <summary>Infinity of a sign.</summary>
    public ulong Infinity(bool sign) => Pack(sign, ExponentMax, 0);

    /// <summary>The finite number of the greatest magnitude.</summary>
    public ulong MaxNormal(bool sign) => Pack(sign, ExponentMax - 1, FractionMask);
}
