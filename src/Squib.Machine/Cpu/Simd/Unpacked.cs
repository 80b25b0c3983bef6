namespace Squib.Machine.Cpu.Simd;

/// <summary>A floating-point value taken apart; a finite one is <c>Mantissa × 2^Exponent</c>.</summary>
/// <param name="Class">What kind of value it is.</param>
/// <param name="Sign">Whether the sign bit is set.</param>
/// <param name="Exponent">The exponent of the mantissa's last bit.</param>
/// <param name="Mantissa">The significant bits as an integer; zero unless the value is finite.</param>
internal readonly record struct Unpacked(FloatClass Class, bool Sign, int Exponent, ulong Mantissa)
{
    /// <summary>Whether this is a NaN of either kind.</summary>
    public bool IsNaN => Class >= FloatClass.QuietNaN;

    /// <summary>Whether this is zero.</summary>
    public bool IsZero => Class == FloatClass.Zero;

    /// <summary>Whether this is an infinity.</summary>
    public bool IsInfinity => Class == FloatClass.Infinity;

    /// <summary>Whether this is a number other than zero.</summary>
    public bool IsFinite => Class == FloatClass.Finite;
}
