namespace Squib.Machine.Cpu.Simd;

/// <summary>The fields that SIMD and floating-point instruction words have in the same places.</summary>
/// <param name="Word">The instruction word.</param>
internal readonly record struct SimdWord(uint Word)
{
    /// <summary>The destination register.</summary>
    public int Rd => (int)(Word & 31);

    /// <summary>The first source register.</summary>
    public int Rn => (int)(Word >> 5) & 31;

    /// <summary>The second source register.</summary>
    public int Rm => (int)(Word >> 16) & 31;

    /// <summary>The third source register.</summary>
    public int Ra => (int)(Word >> 10) & 31;

    /// <summary>Whether a vector instruction works on 128 bits, or on the upper half of its narrow registers.</summary>
    public bool Q => Bit(30);

    /// <summary>U: the unsigned one of a pair of instructions, or just another opcode.</summary>
    public bool U => Bit(29);

    /// <summary>Whether this is the scalar form of a vector instruction: one lane.</summary>
    public bool IsScalar => Bit(28);

    /// <summary>The size field: the logarithm of a lane's bytes.</summary>
    public int Size => (int)(Word >> 22) & 3;

    /// <summary>The size of floating-point lanes: 2 or 3, by the lower bit of the size field.</summary>
    public int FloatSize => 2 + ((int)(Word >> 22) & 1);

    /// <summary>One bit of the word.</summary>
    public bool Bit(int position) => ((Word >> position) & 1) != 0;

    /// <summary>Some bits of the word.</summary>
    public int Bits(int position, int width) => (int)(Word >> position) & ((1 << width) - 1);

    /// <summary>The number of lanes of a size.</summary>
    public int Lanes(int size) => IsScalar ? 1 : (Q ? 16 : 8) >> size;

    /// <summary>
    /// Whether this is the vector form with one lane of 64 bits in a 64-bit vector, which is reserved.
    /// </summary>
    public bool IsReservedLone(int size) => size == 3 && !Q && !IsScalar;
}
