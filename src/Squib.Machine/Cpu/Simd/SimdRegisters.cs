namespace Squib.Machine.Cpu.Simd;

/// <summary>Access to the V registers, and to X registers as SIMD instructions name them.</summary>
// SAFETY: a register number is masked to 0 to 31 by the field it comes from; V has two elements for each, X has 34.
internal static unsafe class SimdRegisters
{
    /// <summary>FPSR.QC: a result was saturated.</summary>
    public const uint Saturated = 1 << 27;

    /// <summary>Reads a V register.</summary>
    public static Vector Get(CpuState* s, int register) => new(s->V[2 * register], s->V[(2 * register) + 1]);

    /// <summary>Reads the low bits of a V register.</summary>
    public static ulong GetScalar(CpuState* s, int register, int size) => s->V[2 * register] & Vector.Mask(size);

    /// <summary>Writes a whole V register.</summary>
    public static void Set(CpuState* s, int register, Vector value)
    {
        s->V[2 * register] = value.Low;
        s->V[(2 * register) + 1] = value.High;
    }

    /// <summary>Writes the low bits of a V register and zeroes the rest.</summary>
    public static void SetScalar(CpuState* s, int register, ulong value)
    {
        s->V[2 * register] = value;
        s->V[(2 * register) + 1] = 0;
    }

    /// <summary>
    /// Writes the result of a narrowing instruction: to the low half, or to the upper one, keeping the low one.
    /// </summary>
    public static void SetHalf(CpuState* s, SimdWord word, ulong value)
    {
        if (word.Q && !word.IsScalar)
            s->V[(2 * word.Rd) + 1] = value;
        else
            SetScalar(s, word.Rd, value);
    }

    /// <summary>Writes an X register; 31 is the zero register.</summary>
    public static void SetGeneral(CpuState* s, int register, ulong value) =>
        s->X[register == CpuState.Zero ? CpuState.Sink : register] = value;

    /// <summary>The nearest number that a lane can hold; sets FPSR.QC if that is another one.</summary>
    public static Int128 Saturate(CpuState* s, Int128 value, int size, bool isUnsigned)
    {
        int bits = 8 << size;
        Int128 least = isUnsigned ? 0 : -(Int128.One << (bits - 1));
        Int128 greatest = (Int128.One << (isUnsigned ? bits : bits - 1)) - 1;
        Int128 result = Int128.Clamp(value, least, greatest);
        if (result != value)
            s->Fpsr |= Saturated;
        return result;
    }

    /// <summary>
    /// Shifts left, or right if the distance is negative, where a lost bit is rounded away or just lost.
    /// </summary>
    /// <returns>The result, which is beyond any lane's range if the value does not fit in 64 bits shifted
    /// left.</returns>
    public static Int128 Shift(Int128 value, int distance, bool rounds)
    {
        if (distance > 63)
            return value == 0 ? 0 : value < 0 ? Int128.MinValue : Int128.MaxValue & ~(Int128)ulong.MaxValue;
        if (distance >= 0)
            return value << distance;
        if (!rounds)
            return value >> Math.Min(-distance, 127);
        return -distance > 64 ? 0 : (value + (Int128.One << (-distance - 1))) >> -distance;
    }
}
