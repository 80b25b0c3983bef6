namespace Squib.Machine.Cpu.Simd;

/// <content>Addition, multiplication, division, square root, and their fusions.</content>
// SAFETY: the state is reached through the pointer that every handler gets, which the CPU keeps alive.
internal static unsafe partial class SoftFloat
{
    /// <summary>FPNeg: flips the sign, whatever the value is.</summary>
    public static ulong Negate(FloatFormat format, ulong a) => a ^ format.SignBit;

    /// <summary>FPAbs: clears the sign, whatever the value is.</summary>
    public static ulong Absolute(FloatFormat format, ulong a) => a & ~format.SignBit;

    /// <summary>FPAdd: a + b.</summary>
    public static ulong Add(CpuState* s, FloatFormat format, ulong a, ulong b) => Sum(s, format, a, b, false);

    /// <summary>FPSub: a - b.</summary>
    public static ulong Subtract(CpuState* s, FloatFormat format, ulong a, ulong b) => Sum(s, format, a, b, true);

    /// <summary>FPMul: a × b.</summary>
    public static ulong Multiply(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        Product(s, format, a, b, isExtended: false);

    /// <summary>FPMulX: a × b, but zero times infinity is two.</summary>
    public static ulong MultiplyExtended(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        Product(s, format, a, b, isExtended: true);

    /// <summary>FPDiv: a / b.</summary>
    public static ulong Divide(CpuState* s, FloatFormat format, ulong a, ulong b)
    {
        Unpacked x = Unpack(s, format, a), y = Unpack(s, format, b);
        if (ProcessNaNs(s, format, x, a, y, b, out ulong nan))
            return nan;
        bool sign = x.Sign != y.Sign;
        if ((x.IsInfinity && y.IsInfinity) || (x.IsZero && y.IsZero))
            return Invalid(s, format);
        if (x.IsInfinity || y.IsZero)
        {
            if (!x.IsInfinity)
                s->Fpsr |= DivideByZero;
            return format.Infinity(sign);
        }

        if (x.IsZero || y.IsInfinity)
            return format.Zero(sign);

        int shift = System.Numerics.BitOperations.LeadingZeroCount(x.Mantissa) + 63;
        UInt128 dividend = (UInt128)x.Mantissa << shift;
        (UInt128 quotient, UInt128 rest) = UInt128.DivRem(dividend, y.Mantissa);
        if (rest != 0)
            quotient |= 1;
        return Round(s, format, Rounding(s), sign, quotient, x.Exponent - shift - y.Exponent);
    }

    /// <summary>FPSqrt: the square root of a.</summary>
    public static ulong SquareRoot(CpuState* s, FloatFormat format, ulong a)
    {
        Unpacked x = Unpack(s, format, a);
        if (x.IsNaN)
            return ProcessNaN(s, format, x.Class, a);
        if (x.IsZero)
            return format.Zero(x.Sign);
        if (x.Sign)
            return Invalid(s, format);
        if (x.IsInfinity)
            return format.Infinity(false);

        // An even exponent can be halved; the radicand keeps more than 120 bits, the root more than 60.
        int shift = System.Numerics.BitOperations.LeadingZeroCount(x.Mantissa) + 62;
        shift += (x.Exponent - shift) & 1;
        UInt128 root = Root((UInt128)x.Mantissa << shift);
        return Round(s, format, Rounding(s), false, root, (x.Exponent - shift) >> 1);
    }

    /// <summary>FPMulAdd: addend + a × b, rounded once.</summary>
    public static ulong MultiplyAdd(CpuState* s, FloatFormat format, ulong addend, ulong a, ulong b)
    {
        Unpacked z = Unpack(s, format, addend), x = Unpack(s, format, a), y = Unpack(s, format, b);
        bool zeroTimesInfinity = (x.IsInfinity && y.IsZero) || (x.IsZero && y.IsInfinity);
        if (z.Class == FloatClass.QuietNaN && zeroTimesInfinity)
            return Invalid(s, format);
        if (ProcessThreeNaNs(s, format, z, addend, x, a, y, b, out ulong nan))
            return nan;
        bool sign = x.Sign != y.Sign;
        bool isInfinite = x.IsInfinity || y.IsInfinity;
        if (zeroTimesInfinity || (z.IsInfinity && isInfinite && z.Sign != sign))
            return Invalid(s, format);
        if (z.IsInfinity || isInfinite)
            return format.Infinity(z.IsInfinity ? z.Sign : sign);
        if (z.IsZero && (x.IsZero || y.IsZero) && z.Sign == sign)
            return format.Zero(sign);
        return SumFinite(s, format, z, sign, (UInt128)x.Mantissa * y.Mantissa, x.Exponent + y.Exponent);
    }

    /// <summary>
    /// FPRecipStepFused: 2 - a × b, the correction of a reciprocal; zero times infinity counts as zero.
    /// </summary>
    public static ulong ReciprocalStep(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        Step(s, format, a, b, new Unpacked(FloatClass.Finite, false, 0, 2), 0);

    /// <summary>
    /// FPRSqrtStepFused: (3 - a × b) / 2, the correction of a reciprocal square root; zero times infinity counts as
    /// zero.
    /// </summary>
    public static ulong ReciprocalRootStep(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        Step(s, format, a, b, new Unpacked(FloatClass.Finite, false, -1, 3), -1);

    private static ulong Step(CpuState* s, FloatFormat format, ulong a, ulong b, Unpacked addend, int scale)
    {
        a = Negate(format, a);
        Unpacked x = Unpack(s, format, a), y = Unpack(s, format, b);
        if (ProcessNaNs(s, format, x, a, y, b, out ulong nan))
            return nan;
        bool isInfinite = x.IsInfinity || y.IsInfinity;
        bool sign = x.Sign != y.Sign;
        if (isInfinite && !x.IsZero && !y.IsZero)
            return format.Infinity(sign);
        return SumFinite(s, format, addend, sign, (UInt128)x.Mantissa * y.Mantissa, x.Exponent + y.Exponent + scale);
    }

    private static ulong Sum(CpuState* s, FloatFormat format, ulong a, ulong b, bool isSubtraction)
    {
        Unpacked x = Unpack(s, format, a), y = Unpack(s, format, b);
        if (ProcessNaNs(s, format, x, a, y, b, out ulong nan))
            return nan;
        bool sign = y.Sign != isSubtraction;
        if (x.IsInfinity && y.IsInfinity && x.Sign != sign)
            return Invalid(s, format);
        if (x.IsInfinity || y.IsInfinity)
            return format.Infinity(x.IsInfinity ? x.Sign : sign);
        if (x.IsZero && y.IsZero && x.Sign == sign)
            return format.Zero(sign);
        return SumFinite(s, format, x, sign, y.Mantissa, y.Exponent);
    }

    private static ulong Product(CpuState* s, FloatFormat format, ulong a, ulong b, bool isExtended)
    {
        Unpacked x = Unpack(s, format, a), y = Unpack(s, format, b);
        if (ProcessNaNs(s, format, x, a, y, b, out ulong nan))
            return nan;
        bool sign = x.Sign != y.Sign;
        if ((x.IsInfinity && y.IsZero) || (x.IsZero && y.IsInfinity))
            return isExtended ? format.Pack(sign, format.Bias + 1, 0) : Invalid(s, format);
        if (x.IsInfinity || y.IsInfinity)
            return format.Infinity(sign);
        if (x.IsZero || y.IsZero)
            return format.Zero(sign);
        UInt128 product = (UInt128)x.Mantissa * y.Mantissa;
        return Round(s, format, Rounding(s), sign, product, x.Exponent + y.Exponent);
    }

    /// <summary>FPProcessNaNs3: signalling NaNs first, then quiet ones, in the order of the operands.</summary>
    private static bool ProcessThreeNaNs(
        CpuState* s,
        FloatFormat format,
        Unpacked z,
        ulong addend,
        Unpacked x,
        ulong a,
        Unpacked y,
        ulong b,
        out ulong nan)
    {
        bool addendFirst = z.Class == FloatClass.SignalingNaN
            || (z.IsNaN && x.Class != FloatClass.SignalingNaN && y.Class != FloatClass.SignalingNaN);
        if (!addendFirst)
            return ProcessNaNs(s, format, x, a, y, b, out nan);
        nan = ProcessNaN(s, format, z.Class, addend);
        return true;
    }

    /// <summary>Adds two numbers, either of which may be zero (with a mantissa of zero), and rounds.</summary>
    private static ulong SumFinite(
        CpuState* s, FloatFormat format, Unpacked x, bool sign, UInt128 mantissa, int exponent)
    {
        FloatRounding rounding = Rounding(s);
        UInt128 a = x.Mantissa, b = mantissa;
        if (b == 0 && a != 0)
            return Round(s, format, rounding, x.Sign, a, x.Exponent);
        if (a == 0 && b != 0)
            return Round(s, format, rounding, sign, b, exponent);

        // Both leading bits go to bit 125: there is room for the carry, and when the exponents are so far apart that
        // bits
        // of the smaller one are lost, at most one leading bit cancels and the sticky last bit is far below the
        // result's.
        int aExponent = Normalize(ref a, x.Exponent), bExponent = Normalize(ref b, exponent);
        if (aExponent < bExponent)
            a = ShiftRightSticky(a, bExponent - aExponent);
        else
            b = ShiftRightSticky(b, aExponent - bExponent);
        if (x.Sign != sign && a == b)
            return format.Zero(rounding == FloatRounding.Down);

        UInt128 sum = x.Sign == sign ? a + b : a > b ? a - b : b - a;
        bool sumSign = a > b ? x.Sign : sign;
        return Round(s, format, rounding, sumSign, sum, Math.Max(aExponent, bExponent));
    }

    private static int Normalize(ref UInt128 mantissa, int exponent)
    {
        int shift = (int)UInt128.LeadingZeroCount(mantissa) - 2;
        mantissa <<= shift;
        return exponent - shift;
    }

    private static UInt128 ShiftRightSticky(UInt128 value, int distance)
    {
        UInt128 shifted = ShiftRight(value, distance, out Remainder remainder);
        return remainder == Remainder.Exact ? shifted : shifted | 1;
    }

    /// <summary>The integer square root, its last bit set if it is not exact.</summary>
    private static UInt128 Root(UInt128 radicand)
    {
        UInt128 root = 0;
        for (UInt128 bit = UInt128.One << 126; bit != 0; bit >>= 2)
        {
            UInt128 trial = root + bit;
            root >>= 1;
            if (radicand >= trial)
            {
                radicand -= trial;
                root += bit;
            }
        }

        return radicand == 0 ? root : root | 1;
    }
}
