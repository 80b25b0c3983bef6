namespace Squib.Machine.Cpu.Simd;

/// <content>Comparisons, maxima, and minima.</content>
// SAFETY: the state is reached through the pointer that every handler gets, which the CPU keeps alive.
internal static unsafe partial class SoftFloat
{
    /// <summary>Condition flags of a comparison: equal.</summary>
    public const uint Equal = 0x6000_0000;

    /// <summary>Condition flags of a comparison: the first operand is less.</summary>
    public const uint Less = 0x8000_0000;

    /// <summary>Condition flags of a comparison: the first operand is greater.</summary>
    public const uint Greater = 0x2000_0000;

    /// <summary>Condition flags of a comparison: at least one operand is a NaN.</summary>
    public const uint Unordered = 0x3000_0000;

    /// <summary>FPCompare: the condition flags, as they stand in PSTATE, for a compared to b.</summary>
    public static uint Compare(CpuState* s, FloatFormat format, ulong a, ulong b, bool quietNaNsSignal)
    {
        Unpacked x = Unpack(s, format, a), y = Unpack(s, format, b);
        if (x.IsNaN || y.IsNaN)
        {
            if (quietNaNsSignal || x.Class == FloatClass.SignalingNaN || y.Class == FloatClass.SignalingNaN)
                s->Fpsr |= InvalidOperation;
            return Unordered;
        }

        int order = Order(format, x, a).CompareTo(Order(format, y, b));
        return order < 0 ? Less : order > 0 ? Greater : Equal;
    }

    /// <summary>FPMax: the greater operand; plus zero is greater than minus zero.</summary>
    public static ulong Maximum(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        Extreme(s, format, a, b, isMaximum: true);

    /// <summary>FPMin: the lesser operand; minus zero is less than plus zero.</summary>
    public static ulong Minimum(CpuState* s, FloatFormat format, ulong a, ulong b) =>
        Extreme(s, format, a, b, isMaximum: false);

    /// <summary>FPMaxNum: the greater operand, where a quiet NaN counts as missing.</summary>
    public static ulong MaximumNumber(CpuState* s, FloatFormat format, ulong a, ulong b)
    {
        ReplaceQuietNaN(format, ref a, ref b, format.Infinity(true));
        return Maximum(s, format, a, b);
    }

    /// <summary>FPMinNum: the lesser operand, where a quiet NaN counts as missing.</summary>
    public static ulong MinimumNumber(CpuState* s, FloatFormat format, ulong a, ulong b)
    {
        ReplaceQuietNaN(format, ref a, ref b, format.Infinity(false));
        return Minimum(s, format, a, b);
    }

    private static ulong Extreme(CpuState* s, FloatFormat format, ulong a, ulong b, bool isMaximum)
    {
        Unpacked x = Unpack(s, format, a), y = Unpack(s, format, b);
        if (ProcessNaNs(s, format, x, a, y, b, out ulong nan))
            return nan;
        if (x.IsZero && y.IsZero)
            return format.Zero(isMaximum ? x.Sign && y.Sign : x.Sign || y.Sign);
        bool takeFirst = Order(format, x, a) > Order(format, y, b) == isMaximum;
        (Unpacked taken, ulong value) = takeFirst ? (x, a) : (y, b);
        return taken.IsZero ? format.Zero(taken.Sign) : value;
    }

    /// <summary>
    /// An integer that orders numbers as their values are ordered; both zeros, and flushed denormals, are 0.
    /// </summary>
    private static long Order(FloatFormat format, Unpacked unpacked, ulong value)
    {
        long magnitude = unpacked.IsZero ? 0 : (long)(value & ~format.SignBit);
        return unpacked.Sign ? -magnitude : magnitude;
    }

    private static void ReplaceQuietNaN(FloatFormat format, ref ulong a, ref ulong b, ulong replacement)
    {
        bool first = IsQuietNaN(format, a), second = IsQuietNaN(format, b);
        if (first && !second)
            a = replacement;
        else if (second && !first)
            b = replacement;
    }

    private static bool IsQuietNaN(FloatFormat format, ulong value)
    {
        ulong quiet = format.Infinity(false) | format.QuietBit;
        return (value & quiet) == quiet;
    }
}
