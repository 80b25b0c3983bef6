using System.Buffers.Binary;

namespace Squib.Machine.Tests.Differential;

/// <summary>Chooses the states in which sequences start: mostly the values at which implementations go wrong.</summary>
internal sealed class OperandValues(Random random)
{
    private static readonly ulong[] Integers =
    [
        0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000,
        0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001,
        0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0x8000_0000_0000_0001, 0xffff_ffff_0000_0000,
        0xffff_ffff_7fff_ffff, 0xffff_ffff_8000_0000, 0xffff_ffff_ffff_fffe, 0xffff_ffff_ffff_ffff,
        0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa, 0x0123_4567_89ab_cdef,
    ];

    /// <summary>A state with everything but the sequence's address.</summary>
    public byte[] State()
    {
        var state = new byte[Layout.BlockLength];
        for (int i = 0; i < 31; i++)
            Put(state, Layout.X + (i * 8), Integer());
        Put(state, Layout.Sp, Integer());
        for (int i = 0; i < 32; i++)
            FillVector(state.AsSpan(Layout.V + (i * 16), 16));
        Put(state, Layout.Nzcv, (ulong)random.Next(16) << 28);
        Put(state, Layout.Fpsr, random.Next(8) == 0 ? FloatStatus() : 0);
        Put(state, Layout.Fpcr, FloatControl());
        for (int i = 0; i < Layout.WindowLength; i += 16)
            FillVector(state.AsSpan(Layout.Window + i, 16));
        return state;
    }

    /// <summary>
    /// Rounding mode, flush to zero, default NaN, and alternative half precision; half of the time none of them.
    /// </summary>
    public ulong FloatControl() => random.Next(2) == 0 ? 0 : (ulong)random.Next(32) << 22;

    /// <summary>Cumulative exceptions and saturation.</summary>
    public ulong FloatStatus() => (ulong)random.NextInt64() & 0x0800_009f;

    /// <summary>64 bits, or an integer near a boundary.</summary>
    public ulong Integer() => random.Next(4) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => (1UL << random.Next(64)) - (ulong)random.Next(2),
        _ => Integers[random.Next(Integers.Length)],
    };

    private static void Put(byte[] state, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(state.AsSpan(offset), value);

    private void FillVector(Span<byte> vector)
    {
        switch (random.Next(6))
        {
            case 0:
                for (int i = 0; i < 16; i += 2)
                    BinaryPrimitives.WriteUInt16LittleEndian(vector[i..], (ushort)Float(16, 10));
                break;
            case 1 or 2:
                for (int i = 0; i < 16; i += 4)
                    BinaryPrimitives.WriteUInt32LittleEndian(vector[i..], (uint)Float(32, 23));
                break;
            case 3 or 4:
                for (int i = 0; i < 16; i += 8)
                    BinaryPrimitives.WriteUInt64LittleEndian(vector[i..], Float(64, 52));
                break;
            default:
                FillWithIntegers(vector, 1 << random.Next(4));
                break;
        }
    }

    private void FillWithIntegers(Span<byte> vector, int bytes)
    {
        Span<byte> lane = stackalloc byte[8];
        for (int i = 0; i < 16; i += bytes)
        {
            ulong value = random.Next(2) == 0 ? Integer() : (1UL << (bytes * 8 - 1)) - (ulong)random.Next(3) + 1;
            BinaryPrimitives.WriteUInt64LittleEndian(lane, value);
            lane[..bytes].CopyTo(vector[i..]);
        }
    }

    /// <summary>A floating-point value of some format.</summary>
    private ulong Float(int bits, int fractionBits)
    {
        int exponentMax = (1 << (bits - 1 - fractionBits)) - 1, bias = exponentMax / 2;
        ulong fraction = (ulong)random.NextInt64() & ((1UL << fractionBits) - 1);
        int exponent;
        switch (random.Next(16))
        {
            case 0: // zero, or a denormal
                exponent = 0;
                fraction = random.Next(3) == 0 ? 0 : fraction >> random.Next(fractionBits);
                break;
            case 1: // infinity, or a NaN of either kind
                exponent = exponentMax;
                fraction = random.Next(3) == 0 ? 0 : fraction;
                break;
            case 2: // the edges of the range of normal numbers
                exponent = random.Next(2) == 0 ? 1 + random.Next(3) : exponentMax - 1 - random.Next(3);
                fraction = random.Next(3) switch { 0 => 0, 1 => (1UL << fractionBits) - 1, _ => fraction };
                break;
            case 3 or 4: // what the other formats cannot hold, or can only as denormals
                int distance = random.Next(16, 40) + (random.Next(2) * 112);
                exponent = Math.Clamp(random.Next(2) == 0 ? bias + distance : bias - distance, 0, exponentMax);
                break;
            case 5 or 6: // near the boundaries of integers
                exponent = Math.Min(bias + 30 + random.Next(3) + (random.Next(2) * 32), exponentMax);
                fraction = random.Next(2) == 0 ? 0 : ~fraction >> random.Next(64 - fractionBits, 64);
                break;
            case 7 or 8: // small integers and halves
                exponent = bias + random.Next(-2, 5);
                fraction &= ~0UL << Math.Max(0, fractionBits - 4);
                break;
            case 9: // squares, products, and quotients at the ends of the range
                exponent = (random.Next(4) * exponentMax / 4) + random.Next(3);
                break;
            case 10:
                return (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> (64 - bits);
            default:
                exponent = bias + random.Next(-4, 5);
                fraction = random.Next(3) switch { 0 => 0, 1 => fraction << random.Next(fractionBits), _ => fraction };
                break;
        }

        ulong sign = (ulong)random.Next(2) << (bits - 1);
        return sign | ((ulong)exponent << fractionBits) | (fraction & ((1UL << fractionBits) - 1));
    }
}
