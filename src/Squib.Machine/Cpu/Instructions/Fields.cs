using System.Numerics;

namespace Squib.Machine.Cpu.Instructions;

/// <summary>Takes fields out of instruction words.</summary>
internal static class Fields
{
    /// <summary>An unsigned field.</summary>
    /// <param name="word">The instruction word.</param>
    /// <param name="at">The position of its lowest bit.</param>
    /// <param name="width">The number of bits.</param>
    internal static uint Bits(uint word, int at, int width) => (word >> at) & ((1u << width) - 1);

    /// <summary>A single bit.</summary>
    /// <param name="word">The instruction word.</param>
    /// <param name="at">Its position.</param>
    internal static bool Bit(uint word, int at) => ((word >> at) & 1) != 0;

    /// <summary>A signed field.</summary>
    /// <param name="word">The instruction word.</param>
    /// <param name="at">The position of its lowest bit.</param>
    /// <param name="width">The number of bits.</param>
    internal static long Signed(uint word, int at, int width) =>
        (long)((ulong)word << (64 - at - width)) >> (64 - width);

    /// <summary>Whether the shift amount in bits 15 to 10 is less than the width that bit 31 gives.</summary>
    /// <param name="word">The instruction word.</param>
    internal static bool ShiftFits(uint word) => Bit(word, 31) || !Bit(word, 15);

    /// <summary>The bit mask that N, immr and imms of a logical immediate stand for.</summary>
    /// <param name="word">The instruction word.</param>
    /// <param name="mask">The mask; for 32-bit instructions both halves are the same.</param>
    /// <returns>Whether there is one; the other encodings are reserved.</returns>
    internal static bool TryBitMask(uint word, out ulong mask)
    {
        mask = 0;
        bool wide = Bit(word, 31);
        bool n = Bit(word, 22);
        if (n && !wide) return false;
        uint imms = Bits(word, 10, 6);
        uint immr = Bits(word, 16, 6);
        int log = BitOperations.Log2((n ? 64u : 0) | (~imms & 0x3f));
        if (log < 1) return false;
        int size = 1 << log;
        uint levels = (uint)size - 1;
        int ones = (int)(imms & levels) + 1;
        if (ones == size) return false;
        int rotate = (int)(immr & levels);
        ulong element = (1ul << ones) - 1;
        ulong elementMask = size == 64 ? ulong.MaxValue : (1ul << size) - 1;
        if (rotate != 0) element = ((element >> rotate) | (element << (size - rotate))) & elementMask;
        for (; size < 64; size *= 2) element |= element << size;
        mask = element;
        return true;
    }
}
