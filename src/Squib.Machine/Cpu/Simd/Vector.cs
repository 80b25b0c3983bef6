namespace Squib.Machine.Cpu.Simd;

/// <summary>
/// The value of a V register, as lanes of 1, 2, 4, or 8 bytes; a size is the logarithm of that number.
/// </summary>
internal struct Vector
{
    /// <summary>Bits 0 to 63.</summary>
    public ulong Low;

    /// <summary>Bits 64 to 127.</summary>
    public ulong High;

    /// <summary>Makes a value of its halves.</summary>
    public Vector(ulong low, ulong high) => (Low, High) = (low, high);

    /// <summary>The bits of a lane.</summary>
    public static ulong Mask(int size) => ulong.MaxValue >> (64 - (8 << size));

    /// <summary>A lane's value as a signed number.</summary>
    public static long SignExtend(ulong value, int size)
    {
        int shift = 64 - (8 << size);
        return (long)(value << shift) >> shift;
    }

    /// <summary>A value with all lanes of 64, or 128, bits the same.</summary>
    public static Vector Replicate(ulong value, int size, bool isFull)
    {
        ulong low = value & Mask(size);
        for (int bits = 8 << size; bits < 64; bits *= 2)
            low |= low << bits;
        return new Vector(low, isFull ? low : 0);
    }

    /// <summary>Reads a lane, zero-extended.</summary>
    public readonly ulong Get(int size, int index)
    {
        int bit = index << (size + 3);
        return ((bit < 64 ? Low : High) >> (bit & 63)) & Mask(size);
    }

    /// <summary>Reads a lane, extended as an unsigned or a signed number.</summary>
    public readonly Int128 Get(int size, int index, bool isUnsigned)
    {
        ulong value = Get(size, index);
        return isUnsigned ? value : SignExtend(value, size);
    }

    /// <summary>Writes a lane with the low bits of a value.</summary>
    public void Set(int size, int index, ulong value)
    {
        int bit = index << (size + 3);
        ulong mask = Mask(size) << (bit & 63);
        value = (value << (bit & 63)) & mask;
        if (bit < 64)
            Low = (Low & ~mask) | value;
        else
            High = (High & ~mask) | value;
    }

    /// <summary>Writes a lane with the low bits of a number.</summary>
    public void Set(int size, int index, Int128 value) => Set(size, index, (ulong)value);
}
