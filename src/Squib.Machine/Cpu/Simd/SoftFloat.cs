namespace Squib.Machine.Cpu.Simd;

/// <summary>
/// Floating-point arithmetic in integers, bit for bit what the ARM ARM's pseudocode says, with FPCR taken from and the
/// cumulative exception bits left in the CPU's state.
/// </summary>
/// <remarks>
/// Every operation takes its operands apart, computes an exact or sticky result in 128 bits, and rounds once.
/// Half precision is never flushed to zero: on a CPU without half-precision arithmetic only conversions meet it.
/// </remarks>
// SAFETY: the state pointer is the running CPU's and only its FPCR and FPSR fields are touched.
internal static unsafe partial class SoftFloat
{
    /// <summary>FPSR.IOC: an operation had no meaningful result.</summary>
    public const uint InvalidOperation = 1 << 0;

    /// <summary>FPSR.DZC: a finite number was divided by zero.</summary>
    public const uint DivideByZero = 1 << 1;

    /// <summary>FPSR.OFC: a result was too great for the format.</summary>
    public const uint Overflow = 1 << 2;

    /// <summary>FPSR.UFC: a result was too small for a normal number, and inexact or flushed.</summary>
    public const uint Underflow = 1 << 3;

    /// <summary>FPSR.IXC: a result was rounded.</summary>
    public const uint Inexact = 1 << 4;

    /// <summary>FPSR.IDC: a denormal operand was flushed to zero.</summary>
    public const uint InputDenormal = 1 << 7;

    private const uint FlushToZeroBit = 1 << 24;
    private const uint DefaultNaNBit = 1 << 25;
    private const uint AlternativeHalfBit = 1 << 26;

    /// <summary>What is left of a number below the last bit kept.</summary>
    private enum Remainder
    {
        Exact,
        BelowHalf,
        Half,
        AboveHalf,
    }

    /// <summary>The rounding mode in FPCR.</summary>
    public static FloatRounding Rounding(CpuState* s) => (FloatRounding)((s->Fpcr >> 22) & 3);

    private static bool FlushesToZero(CpuState* s, FloatFormat format) =>
        format.Bits != 16 && (s->Fpcr & FlushToZeroBit) != 0;

    private static bool IsAlternativeHalf(CpuState* s, FloatFormat format) =>
        format.Bits == 16 && (s->Fpcr & AlternativeHalfBit) != 0;

    private static ulong Invalid(CpuState* s, FloatFormat format)
    {
        s->Fpsr |= InvalidOperation;
        return format.DefaultNaN;
    }

    /// <summary>FPUnpack: takes a value apart, flushing a denormal to zero if FPCR.FZ says so.</summary>
    private static Unpacked Unpack(CpuState* s, FloatFormat format, ulong value)
    {
        bool sign = (value & format.SignBit) != 0;
        ulong fraction = value & format.FractionMask;
        int exponent = (int)(value >> format.FractionBits) & format.ExponentMax;
        if (exponent == 0)
        {
            if (fraction != 0 && FlushesToZero(s, format))
            {
                s->Fpsr |= InputDenormal;
                fraction = 0;
            }

            return fraction == 0
                ? new Unpacked(FloatClass.Zero, sign, 0, 0)
                : new Unpacked(FloatClass.Finite, sign, format.MinimumExponent - format.FractionBits, fraction);
        }

        if (exponent == format.ExponentMax && !IsAlternativeHalf(s, format))
        {
            if (fraction == 0)
                return new Unpacked(FloatClass.Infinity, sign, 0, 0);
            bool quiet = (fraction & format.QuietBit) != 0;
            return new Unpacked(quiet ? FloatClass.QuietNaN : FloatClass.SignalingNaN, sign, 0, 0);
        }

        ulong mantissa = fraction | (1UL << format.FractionBits);
        return new Unpacked(FloatClass.Finite, sign, exponent - format.Bias - format.FractionBits, mantissa);
    }

    /// <summary>FPProcessNaN: the result of an operation one of whose operands is this NaN.</summary>
    private static ulong ProcessNaN(CpuState* s, FloatFormat format, FloatClass kind, ulong value)
    {
        if (kind == FloatClass.SignalingNaN)
            s->Fpsr |= InvalidOperation;
        return (s->Fpcr & DefaultNaNBit) != 0 ? format.DefaultNaN : value | format.QuietBit;
    }

    /// <summary>FPProcessNaNs: signalling NaNs win over quiet ones, then the first operand over the second.</summary>
    private static bool ProcessNaNs(
        CpuState* s, FloatFormat format, Unpacked a, ulong first, Unpacked b, ulong second, out ulong result)
    {
        result = 0;
        if (!a.IsNaN && !b.IsNaN)
            return false;
        bool takeFirst = a.Class == FloatClass.SignalingNaN || (a.IsNaN && b.Class != FloatClass.SignalingNaN);
        result = takeFirst ? ProcessNaN(s, format, a.Class, first) : ProcessNaN(s, format, b.Class, second);
        return true;
    }

    /// <summary>
    /// Divides by a power of two (or multiplies, if <paramref name="drop"/> is negative), and says what was lost.
    /// </summary>
    private static UInt128 ShiftRight(UInt128 value, int drop, out Remainder remainder)
    {
        remainder = Remainder.Exact;
        if (drop <= 0)
            return value << -drop;
        if (drop > 128)
        {
            remainder = value == 0 ? Remainder.Exact : Remainder.BelowHalf;
            return 0;
        }

        UInt128 half = UInt128.One << (drop - 1);
        UInt128 lost = value & ((half - 1) | half);
        if (lost != 0)
            remainder = lost < half ? Remainder.BelowHalf : lost == half ? Remainder.Half : Remainder.AboveHalf;
        return drop == 128 ? 0 : value >> drop;
    }

    private static bool RoundsUp(FloatRounding rounding, bool sign, bool isOdd, Remainder remainder) => rounding switch
    {
        FloatRounding.TiesToEven => remainder == Remainder.AboveHalf || (remainder == Remainder.Half && isOdd),
        FloatRounding.TiesAway => remainder >= Remainder.Half,
        FloatRounding.Up => remainder != Remainder.Exact && !sign,
        FloatRounding.Down => remainder != Remainder.Exact && sign,
        _ => false,
    };

    /// <summary>FPRound: packs <c>mantissa × 2^exponent</c>, which is not zero, rounded once.</summary>
    /// <remarks>The last bit of a mantissa of 60 bits or more may be sticky: set for anything lost below it.</remarks>
    private static ulong Round(
        CpuState* s, FloatFormat format, FloatRounding rounding, bool sign, UInt128 mantissa, int exponent)
    {
        int leading = exponent + 127 - (int)UInt128.LeadingZeroCount(mantissa);
        if (leading < format.MinimumExponent && FlushesToZero(s, format))
        {
            s->Fpsr |= Underflow;
            return format.Zero(sign);
        }

        // Tininess is detected before rounding.
        int biased = Math.Max(leading - format.MinimumExponent + 1, 0);
        int last = Math.Max(leading, format.MinimumExponent) - format.FractionBits;
        ulong kept = (ulong)ShiftRight(mantissa, last - exponent, out Remainder remainder);
        if (biased == 0 && remainder != Remainder.Exact)
            s->Fpsr |= Underflow;

        if (RoundsUp(rounding, sign, (kept & 1) != 0, remainder))
            kept++;
        else if (rounding == FloatRounding.ToOdd && remainder != Remainder.Exact)
            kept |= 1;
        if (biased == 0 && kept > format.FractionMask)
            biased = 1;
        if (kept >> (format.FractionBits + 1) != 0)
        {
            biased++;
            kept >>= 1;
        }

        bool fits = biased < format.ExponentMax + (IsAlternativeHalf(s, format) ? 1 : 0);
        if (!fits)
            return TooGreat(s, format, rounding, sign);
        if (remainder != Remainder.Exact)
            s->Fpsr |= Inexact;
        return format.Pack(sign, biased, kept & format.FractionMask);
    }

    private static ulong TooGreat(CpuState* s, FloatFormat format, FloatRounding rounding, bool sign)
    {
        if (IsAlternativeHalf(s, format))
        {
            s->Fpsr |= InvalidOperation;
            return format.Pack(sign, format.ExponentMax, format.FractionMask);
        }

        s->Fpsr |= Overflow | Inexact;
        bool toInfinity = rounding switch
        {
            FloatRounding.Up => !sign,
            FloatRounding.Down => sign,
            FloatRounding.TowardsZero or FloatRounding.ToOdd => false,
            _ => true,
        };
        return toInfinity ? format.Infinity(sign) : format.MaxNormal(sign);
    }
}
