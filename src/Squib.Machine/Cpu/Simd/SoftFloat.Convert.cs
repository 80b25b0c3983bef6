namespace Squib.Machine.Cpu.Simd;

/// <content>Rounding to integers, and conversions between formats and to and from integers and fixed point.</content>
// SAFETY: the state is reached through the pointer that every handler gets, which the CPU keeps alive.
internal static unsafe partial class SoftFloat
{
    /// <summary>
    /// FPRoundInt: rounds to an integer that stays in the format; FRINTX alone signals what was lost.
    /// </summary>
    public static ulong RoundToIntegral(
        CpuState* s, FloatFormat format, ulong a, FloatRounding rounding, bool signalsInexact)
    {
        Unpacked x = Unpack(s, format, a);
        if (x.IsNaN)
            return ProcessNaN(s, format, x.Class, a);
        if (x.IsZero)
            return format.Zero(x.Sign);
        if (x.IsInfinity || x.Exponent >= 0)
            return a;

        UInt128 integer = ToInteger(x, rounding, 0, out bool isInexact);
        if (isInexact && signalsInexact)
            s->Fpsr |= Inexact;
        return integer == 0
            ? format.Zero(x.Sign)
            : Round(s, format, FloatRounding.TowardsZero, x.Sign, integer, 0);
    }

    /// <summary>FPToFixed: converts to an integer of 32 or 64 bits, some of them behind the point; saturates.</summary>
    /// <remarks>A negative result of 32 bits is not extended beyond them.</remarks>
    public static ulong ToFixed(
        CpuState* s, FloatFormat format, ulong a, FloatRounding rounding, int fractionBits, int width, bool isUnsigned)
    {
        Unpacked x = Unpack(s, format, a);
        if (x.IsNaN)
        {
            s->Fpsr |= InvalidOperation;
            return 0;
        }

        Int128 least = isUnsigned ? 0 : -(Int128.One << (width - 1));
        Int128 greatest = (Int128.One << (isUnsigned ? width : width - 1)) - 1;
        bool isInexact = false;
        Int128 result = 0;
        if (x.IsInfinity || (x.IsFinite && x.Exponent + fractionBits > width))
            result = Int128.MaxValue;
        else if (x.IsFinite)
            result = (Int128)ToInteger(x, rounding, fractionBits, out isInexact);
        if (x.Sign)
            result = -result;

        Int128 saturated = Int128.Clamp(result, least, greatest);
        if (saturated != result)
            s->Fpsr |= InvalidOperation;
        else if (isInexact)
            s->Fpsr |= Inexact;
        return (ulong)saturated & (ulong.MaxValue >> (64 - width));
    }

    /// <summary>FixedToFP: converts an integer, some of whose bits are behind the point.</summary>
    public static ulong FromFixed(
        CpuState* s, FloatFormat format, Int128 value, int fractionBits, FloatRounding rounding) => value == 0
            ? format.Zero(false)
            : Round(s, format, rounding, value < 0, (UInt128)Int128.Abs(value), -fractionBits);

    /// <summary>FPConvert: converts from one format to another, with the rounding of FPCR.</summary>
    public static ulong Convert(CpuState* s, FloatFormat from, FloatFormat to, ulong a) =>
        Convert(s, from, to, a, Rounding(s));

    /// <summary>FPConvert: converts from one format to another.</summary>
    public static ulong Convert(CpuState* s, FloatFormat from, FloatFormat to, ulong a, FloatRounding rounding)
    {
        Unpacked x = Unpack(s, from, a);
        if (x.IsFinite)
            return Round(s, to, rounding, x.Sign, x.Mantissa, x.Exponent);
        if (x.IsZero)
            return to.Zero(x.Sign);

        // The alternative half-precision format has neither infinities nor NaNs.
        bool alternative = IsAlternativeHalf(s, to);
        if (alternative || x.Class == FloatClass.SignalingNaN)
            s->Fpsr |= InvalidOperation;
        if (x.IsInfinity)
            return alternative ? to.Pack(x.Sign, to.ExponentMax, to.FractionMask) : to.Infinity(x.Sign);
        if (alternative)
            return to.Zero(x.Sign);
        if ((s->Fpcr & DefaultNaNBit) != 0)
            return to.DefaultNaN;
        int narrowing = from.FractionBits - to.FractionBits;
        ulong fraction = a & from.FractionMask;
        fraction = narrowing > 0 ? fraction >> narrowing : fraction << -narrowing;
        return to.Pack(x.Sign, to.ExponentMax, fraction | to.QuietBit);
    }

    private static UInt128 ToInteger(Unpacked x, FloatRounding rounding, int fractionBits, out bool isInexact)
    {
        UInt128 integer = ShiftRight(x.Mantissa, -x.Exponent - fractionBits, out Remainder remainder);
        isInexact = remainder != Remainder.Exact;
        return RoundsUp(rounding, x.Sign, UInt128.IsOddInteger(integer), remainder) ? integer + 1 : integer;
    }
}
