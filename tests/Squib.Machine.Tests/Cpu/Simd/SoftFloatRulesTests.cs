using Squib.Machine.Cpu;
using Squib.Machine.Cpu.Simd;
using Xunit;

namespace Squib.Machine.Tests.Cpu.Simd;

/// <summary>Rules that are Arm's own, or that FPCR changes: NaNs, flushing, cumulative exceptions, estimates.</summary>
public sealed unsafe class SoftFloatRulesTests
{
    private const uint FlushToZero = 1 << 24, DefaultNaN = 1 << 25, AlternativeHalf = 1 << 26, RoundDown = 2 << 22;
    private const ulong One = 0x3f80_0000, Two = 0x4000_0000, MinusOne = 0xbf80_0000, Infinity = 0x7f80_0000;
    private const ulong Quiet = 0x7fc0_0001, OtherQuiet = 0xffc0_0002, Signaling = 0x7f80_0003, Smallest = 1;
    private const ulong MinusZero = 0x8000_0000, Default = 0x7fc0_0000, SmallestNormal = 0x0080_0000;
    private const ulong Largest = 0x7f7f_ffff;

    [Theory]
    [InlineData(Quiet, OtherQuiet, Quiet, 0)]
    [InlineData(One, OtherQuiet, OtherQuiet, 0)]
    [InlineData(Quiet, Signaling, Signaling | 0x40_0000, SoftFloat.InvalidOperation)]
    [InlineData(Infinity, Infinity | MinusZero, Default, SoftFloat.InvalidOperation)]
    [InlineData(Largest, Largest, Infinity, SoftFloat.Overflow | SoftFloat.Inexact)]
    [InlineData(One, MinusOne, 0, 0)]
    public void Addition_has_these_special_cases(ulong a, ulong b, ulong expected, uint exceptions)
    {
        CpuState state = default;
        Assert.Equal(expected, SoftFloat.Add(&state, FloatFormat.Single, a, b));
        Assert.Equal(exceptions, state.Fpsr);
    }

    [Fact]
    public void The_default_NaN_replaces_every_other_if_FPCR_says_so()
    {
        CpuState state = new() { Fpcr = DefaultNaN };
        Assert.Equal(Default, SoftFloat.Multiply(&state, FloatFormat.Single, OtherQuiet, One));
        Assert.Equal(0u, state.Fpsr);
    }

    [Fact]
    public void A_difference_of_zero_is_negative_when_rounding_down()
    {
        CpuState state = new() { Fpcr = RoundDown };
        Assert.Equal(MinusZero, SoftFloat.Subtract(&state, FloatFormat.Single, One, One));
    }

    [Fact]
    public void Flushing_an_operand_to_zero_is_an_input_denormal()
    {
        CpuState state = new() { Fpcr = FlushToZero };
        Assert.Equal(One, SoftFloat.Add(&state, FloatFormat.Single, One, Smallest));
        Assert.Equal(SoftFloat.InputDenormal, state.Fpsr);
    }

    [Fact]
    public void Flushing_a_result_to_zero_is_an_underflow_but_not_inexact()
    {
        CpuState state = new() { Fpcr = FlushToZero };
        Assert.Equal(MinusZero, SoftFloat.Divide(&state, FloatFormat.Single, SmallestNormal | MinusZero, Two));
        Assert.Equal(SoftFloat.Underflow, state.Fpsr);
    }

    [Fact]
    public void A_result_that_rounds_to_the_smallest_normal_number_was_tiny_before()
    {
        // 2^-126 × (1 - 2^-24) is less than 2^-126 by half of the last denormal bit.
        CpuState state = default;
        Assert.Equal(SmallestNormal, SoftFloat.Multiply(&state, FloatFormat.Single, SmallestNormal, 0x3f7f_ffff));
        Assert.Equal(SoftFloat.Underflow | SoftFloat.Inexact, state.Fpsr);
    }

    [Fact]
    public void An_exact_denormal_result_is_no_underflow()
    {
        CpuState state = default;
        Assert.Equal(0x0040_0000ul, SoftFloat.Divide(&state, FloatFormat.Single, SmallestNormal, Two));
        Assert.Equal(0u, state.Fpsr);
    }

    [Fact]
    public void A_quiet_addend_does_not_hide_zero_times_infinity()
    {
        CpuState state = default;
        Assert.Equal(Default, SoftFloat.MultiplyAdd(&state, FloatFormat.Single, Quiet, 0, Infinity));
        Assert.Equal(SoftFloat.InvalidOperation, state.Fpsr);
    }

    [Fact]
    public void Extended_multiplication_takes_zero_times_infinity_for_two()
    {
        CpuState state = default;
        Assert.Equal(Two | MinusZero, SoftFloat.MultiplyExtended(&state, FloatFormat.Single, MinusZero, Infinity));
        Assert.Equal(Two, SoftFloat.ReciprocalStep(&state, FloatFormat.Single, 0, Infinity));
        Assert.Equal(0x3fc0_0000ul, SoftFloat.ReciprocalRootStep(&state, FloatFormat.Single, 0, Infinity));
        Assert.Equal(0u, state.Fpsr);
    }

    [Theory]
    [InlineData(Quiet, One, One, One)]
    [InlineData(MinusZero, 0ul, 0ul, MinusZero)]
    [InlineData(MinusOne, One, One, MinusOne)]
    public void Maximum_and_minimum_ignore_quiet_NaNs_and_order_zeros(ulong a, ulong b, ulong greater, ulong less)
    {
        CpuState state = default;
        Assert.Equal(greater, SoftFloat.MaximumNumber(&state, FloatFormat.Single, a, b));
        Assert.Equal(less, SoftFloat.MinimumNumber(&state, FloatFormat.Single, a, b));
    }

    [Theory]
    [InlineData(One, Two, SoftFloat.Less)]
    [InlineData(MinusZero, 0ul, SoftFloat.Equal)]
    [InlineData(MinusOne, 0xff80_0000, SoftFloat.Greater)]
    [InlineData(Quiet, One, SoftFloat.Unordered)]
    public void Comparison_sets_the_flags(ulong a, ulong b, uint flags)
    {
        CpuState state = default;
        Assert.Equal(flags, SoftFloat.Compare(&state, FloatFormat.Single, a, b, quietNaNsSignal: false));
        Assert.Equal(0u, state.Fpsr);
    }

    [Fact]
    public void The_alternative_half_precision_has_no_infinities()
    {
        CpuState state = new() { Fpcr = AlternativeHalf };
        Assert.Equal(0x7ffful, SoftFloat.Convert(&state, FloatFormat.Single, FloatFormat.Half, Infinity));
        Assert.Equal(SoftFloat.InvalidOperation, state.Fpsr);
        Assert.Equal(0x4780_0000ul, SoftFloat.Convert(&state, FloatFormat.Half, FloatFormat.Single, 0x7c00));
    }

    [Fact]
    public void Conversion_to_an_integer_saturates_and_is_invalid()
    {
        CpuState state = default;
        ulong result = SoftFloat.ToFixed(
            &state, FloatFormat.Single, 0xcf80_0000, FloatRounding.TowardsZero, 0, 32, isUnsigned: false);
        Assert.Equal(0x8000_0000ul, result);
        Assert.Equal(SoftFloat.InvalidOperation, state.Fpsr);
    }

    [Fact]
    public void Every_reciprocal_estimate_is_within_one_part_in_256()
    {
        CpuState state = default;
        for (uint fraction = 0; fraction < 1 << 23; fraction += 0x3_1357)
        {
            uint bits = (uint)One | fraction;
            float a = BitConverter.UInt32BitsToSingle(bits);
            Close(1 / a, SoftFloat.ReciprocalEstimate(&state, FloatFormat.Single, bits));
            Close(1 / MathF.Sqrt(a), SoftFloat.ReciprocalRootEstimate(&state, FloatFormat.Single, bits));
        }

        static void Close(float expected, ulong actual) =>
            Assert.InRange(BitConverter.UInt32BitsToSingle((uint)actual) / expected, 1 - (1 / 256f), 1 + (1 / 256f));
    }
}
