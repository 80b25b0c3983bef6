using Squib.Machine.Cpu;
using Squib.Machine.Cpu.Simd;
using Xunit;

namespace Squib.Machine.Tests.Cpu.Simd;

/// <summary>Rounded to nearest, all results must be those of the host's own floating-point unit.</summary>
public sealed unsafe class SoftFloatArithmeticTests
{
    private const int Rounds = 20_000;
    private readonly Random random = new(7);

    [Fact]
    public void Double_arithmetic_agrees_with_the_host()
    {
        CpuState state = default;
        for (int i = 0; i < Rounds; i++)
        {
            double a = Double(), b = Double(), c = Double();
            ulong x = Bits(a), y = Bits(b), z = Bits(c);
            Same(a + b, SoftFloat.Add(&state, FloatFormat.Double, x, y));
            Same(a - b, SoftFloat.Subtract(&state, FloatFormat.Double, x, y));
            Same(a * b, SoftFloat.Multiply(&state, FloatFormat.Double, x, y));
            Same(a / b, SoftFloat.Divide(&state, FloatFormat.Double, x, y));
            Same(Math.Sqrt(a), SoftFloat.SquareRoot(&state, FloatFormat.Double, x));
            Same(Math.FusedMultiplyAdd(a, b, c), SoftFloat.MultiplyAdd(&state, FloatFormat.Double, z, x, y));
        }
    }

    [Fact]
    public void Single_arithmetic_agrees_with_the_host()
    {
        CpuState state = default;
        for (int i = 0; i < Rounds; i++)
        {
            float a = Single(), b = Single(), c = Single();
            ulong x = Bits(a), y = Bits(b), z = Bits(c);
            Same(a + b, SoftFloat.Add(&state, FloatFormat.Single, x, y));
            Same(a - b, SoftFloat.Subtract(&state, FloatFormat.Single, x, y));
            Same(a * b, SoftFloat.Multiply(&state, FloatFormat.Single, x, y));
            Same(a / b, SoftFloat.Divide(&state, FloatFormat.Single, x, y));
            Same(MathF.Sqrt(a), SoftFloat.SquareRoot(&state, FloatFormat.Single, x));
            Same(MathF.FusedMultiplyAdd(a, b, c), SoftFloat.MultiplyAdd(&state, FloatFormat.Single, z, x, y));
        }
    }

    [Fact]
    public void Conversions_between_formats_agree_with_the_host()
    {
        CpuState state = default;
        for (int i = 0; i < Rounds; i++)
        {
            double a = Double();
            float b = Single();
            Same((float)a, SoftFloat.Convert(&state, FloatFormat.Double, FloatFormat.Single, Bits(a)));
            Same((double)b, SoftFloat.Convert(&state, FloatFormat.Single, FloatFormat.Double, Bits(b)));
            ulong half = SoftFloat.Convert(&state, FloatFormat.Single, FloatFormat.Half, Bits(b));
            Same((float)(Half)b, SoftFloat.Convert(&state, FloatFormat.Half, FloatFormat.Single, half));
        }
    }

    [Fact]
    public void Conversions_from_and_to_integers_agree_with_the_host()
    {
        CpuState state = default;
        for (int i = 0; i < Rounds; i++)
        {
            long integer = random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
            ulong converted = SoftFloat.FromFixed(
                &state, FloatFormat.Double, integer, 0, FloatRounding.TiesToEven);
            Same((double)integer, converted);
            double value = (random.NextDouble() - 0.5) * Math.Pow(2, random.Next(63));
            ulong truncated = SoftFloat.ToFixed(
                &state, FloatFormat.Double, Bits(value), FloatRounding.TowardsZero, 0, 64, isUnsigned: false);
            Assert.Equal((long)value, (long)truncated);
            ulong nearest = SoftFloat.RoundToIntegral(
                &state, FloatFormat.Double, Bits(value), FloatRounding.TiesToEven, signalsInexact: false);
            Same(Math.Round(value, MidpointRounding.ToEven), nearest);
        }
    }

    [Fact]
    public void Directed_roundings_enclose_the_result_in_one_step()
    {
        for (int i = 0; i < Rounds; i++)
        {
            ulong x = Bits(Math.Abs(Double())), y = Bits(Math.Abs(Double()));
            (ulong up, bool isInexact) = Quotient(x, y, FloatRounding.Up);
            (ulong down, _) = Quotient(x, y, FloatRounding.Down);
            Assert.Equal(down, Quotient(x, y, FloatRounding.TowardsZero).Result);
            if (up < FloatFormat.Double.Infinity(false))
                Assert.Equal(isInexact ? down + 1 : down, up);
            Assert.InRange(Quotient(x, y, FloatRounding.TiesToEven).Result, down, up);
        }
    }

    private static (ulong Result, bool IsInexact) Quotient(ulong x, ulong y, FloatRounding rounding)
    {
        CpuState state = new() { Fpcr = (uint)rounding << 22 };
        ulong result = SoftFloat.Divide(&state, FloatFormat.Double, x, y);
        return (result, (state.Fpsr & SoftFloat.Inexact) != 0);
    }

    private static ulong Bits(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    // Hosts differ in the sign and payload of the NaNs that they make.
    private static void Same(double expected, ulong actual)
    {
        if (double.IsNaN(expected))
            Assert.True(double.IsNaN(BitConverter.UInt64BitsToDouble(actual)));
        else
            Assert.Equal(Bits(expected), actual);
    }

    private static void Same(float expected, ulong actual)
    {
        if (float.IsNaN(expected))
            Assert.True(float.IsNaN(BitConverter.UInt32BitsToSingle((uint)actual)));
        else
            Assert.Equal(Bits(expected), actual);
    }

    private double Double()
    {
        ulong bits = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
        return random.Next(4) == 0
            ? BitConverter.UInt64BitsToDouble(bits)
            : BitConverter.UInt64BitsToDouble((bits & ~(0x7ffUL << 52)) | ((ulong)random.Next(1000, 1047) << 52));
    }

    private float Single()
    {
        uint bits = (uint)random.NextInt64(1L << 32);
        return random.Next(4) == 0
            ? BitConverter.UInt32BitsToSingle(bits)
            : BitConverter.UInt32BitsToSingle((bits & ~(0xffu << 23)) | ((uint)random.Next(110, 145) << 23));
    }
}
