namespace Squib.Machine.Cpu.Simd;

/// <content>The eight-bit estimates of reciprocals and reciprocal square roots.</content>
// SAFETY: the state is reached through the pointer that every handler gets, which the CPU keeps alive.
internal static unsafe partial class SoftFloat
{
    /// <summary>FPRecipEstimate: an estimate of 1 / a.</summary>
    public static ulong ReciprocalEstimate(CpuState* s, FloatFormat format, ulong a)
    {
        Unpacked x = Unpack(s, format, a);
        if (x.IsNaN)
            return ProcessNaN(s, format, x.Class, a);
        if (x.IsInfinity)
            return format.Zero(x.Sign);
        if (x.IsZero)
        {
            s->Fpsr |= DivideByZero;
            return format.Infinity(x.Sign);
        }

        (int exponent, ulong fraction) = Normalized(format, x);
        if (exponent < -1)
            return TooGreat(s, format, Rounding(s), x.Sign);
        int resultExponent = (2 * format.Bias) - 1 - exponent;
        if (resultExponent < 1 && FlushesToZero(s, format))
        {
            s->Fpsr |= Underflow;
            return format.Zero(x.Sign);
        }

        uint estimate = EstimateReciprocal(256 | (uint)(fraction >> (format.FractionBits - 8)));
        fraction = (ulong)(estimate & 0xff) << (format.FractionBits - 8);
        if (resultExponent < 1)
            fraction = (fraction | (1UL << format.FractionBits)) >> (1 - resultExponent);
        return format.Pack(x.Sign, Math.Max(resultExponent, 0), fraction);
    }

    /// <summary>FPRSqrtEstimate: an estimate of 1 / √a.</summary>
    public static ulong ReciprocalRootEstimate(CpuState* s, FloatFormat format, ulong a)
    {
        Unpacked x = Unpack(s, format, a);
        if (x.IsNaN)
            return ProcessNaN(s, format, x.Class, a);
        if (x.IsZero)
        {
            s->Fpsr |= DivideByZero;
            return format.Infinity(x.Sign);
        }

        if (x.Sign)
            return Invalid(s, format);
        if (x.IsInfinity)
            return format.Zero(false);

        (int exponent, ulong fraction) = Normalized(format, x);
        uint scaled = 256 | (uint)(fraction >> (format.FractionBits - 8));
        if ((exponent & 1) != 0)
            scaled >>= 1;
        uint estimate = EstimateReciprocalRoot(scaled);
        int resultExponent = ((3 * format.Bias) - 1 - exponent) >> 1;
        return format.Pack(false, resultExponent, (ulong)(estimate & 0xff) << (format.FractionBits - 8));
    }

    /// <summary>FPRecpX: a power of two whose exponent is about the negative of a's.</summary>
    public static ulong ReciprocalExponent(CpuState* s, FloatFormat format, ulong a)
    {
        Unpacked x = Unpack(s, format, a);
        if (x.IsNaN)
            return ProcessNaN(s, format, x.Class, a);
        int exponent = (int)(a >> format.FractionBits) & format.ExponentMax;
        return format.Pack(x.Sign, exponent == 0 ? format.ExponentMax - 1 : exponent ^ format.ExponentMax, 0);
    }

    /// <summary>UnsignedRecipEstimate: an estimate of 1 / a, for a from one half (bit 31) to one.</summary>
    public static uint ReciprocalEstimate(uint a) =>
        a >> 31 == 0 ? uint.MaxValue : EstimateReciprocal(a >> 23) << 23;

    /// <summary>UnsignedRSqrtEstimate: an estimate of 1 / √a, for a from a quarter (bit 30) to one.</summary>
    public static uint ReciprocalRootEstimate(uint a) =>
        a >> 30 == 0 ? uint.MaxValue : EstimateReciprocalRoot(a >> 23) << 23;

    /// <summary>
    /// The exponent field, below 1 for denormals, and the fraction of the number with its leading bit taken away.
    /// </summary>
    private static (int Exponent, ulong Fraction) Normalized(FloatFormat format, Unpacked x)
    {
        int shift = System.Numerics.BitOperations.LeadingZeroCount(x.Mantissa) - (63 - format.FractionBits);
        ulong fraction = (x.Mantissa << shift) & format.FractionMask;
        return (x.Exponent - shift + format.FractionBits + format.Bias, fraction);
    }

    /// <summary>
    /// RecipEstimate: nine bits in (256 to 511 for a half to one), nine bits out (256 to 511 for one to two).
    /// </summary>
    private static uint EstimateReciprocal(uint a) => ((1u << 19) / ((a * 2) + 1) + 1) / 2;

    /// <summary>
    /// RecipSqrtEstimate: nine bits in (128 to 511 for a quarter to one), nine bits out (256 to 511 for one to two).
    /// </summary>
    private static uint EstimateReciprocalRoot(uint a)
    {
        a = a < 256 ? (a * 2) + 1 : (a | 1) * 2;
        uint b = 512;
        while (a * (b + 1) * (b + 1) < 1u << 28)
            b++;
        return (b + 1) / 2;
    }
}
