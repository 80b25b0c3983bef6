namespace Squib.Machine.Mmu;

/// <summary>What TCR_EL1 says of one half of the address space.</summary>
/// <param name="AddressBits">The number of address bits that are translated: 25 to 48.</param>
/// <param name="Disabled">Whether walks are disabled (EPD).</param>
/// <param name="IgnoresTopByte">Whether the top byte of an address is a tag (TBI).</param>
/// <param name="OutputLimit">The first physical address too large (IPS).</param>
internal readonly record struct TranslationControl(
    int AddressBits,
    bool Disabled,
    bool IgnoresTopByte,
    ulong OutputLimit)
{
    /// <summary>The number of physical address bits that the CPU has; ID_AA64MMFR0_EL1.PARange says the same.</summary>
    public const int PhysicalBits = 44;

    private static ReadOnlySpan<byte> SizeBits => [32, 36, 40, 42, 44, 48, 48, 48];

    /// <summary>Takes the control register apart.</summary>
    /// <param name="tcr">TCR_EL1.</param>
    /// <param name="upper">Which half of the address space.</param>
    public static TranslationControl Of(ulong tcr, bool upper)
    {
        // T0SZ outside of 16 to 39 behaves as the nearest value in it.
        int size = (int)((upper ? tcr >> 16 : tcr) & 0x3f);
        bool disabled = ((tcr >> (upper ? 23 : 7)) & 1) != 0;
        bool tag = ((tcr >> (upper ? 38 : 37)) & 1) != 0;
        int outputBits = Math.Min((int)SizeBits[(int)((tcr >> 32) & 7)], PhysicalBits);
        return new(64 - Math.Clamp(size, 16, 39), disabled, tag, 1ul << outputBits);
    }

    /// <summary>
    /// Whether an address can have a translation: all bits above those translated, but for a tag, are equal.
    /// </summary>
    /// <param name="va">A virtual address in this half of the address space.</param>
    public bool Covers(ulong va)
    {
        long canonical = IgnoresTopByte ? (long)(va << 8) >> 8 : (long)va;
        return canonical >> AddressBits is 0 or -1 && canonical < 0 == ((va & (1ul << 55)) != 0);
    }
}
