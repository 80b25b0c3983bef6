namespace Squib.Machine.Mmu;

/// <summary>
/// The fault status codes of ESR_EL1 (DFSC and IFSC) and PAR_EL1; the level of the walk is added to some.
/// </summary>
internal static class FaultStatus
{
    /// <summary>No fault; not a code of the architecture.</summary>
    public const int None = -1;

    /// <summary>An address in a table or its register is too large; plus the level.</summary>
    public const int AddressSize = 0x00;

    /// <summary>There is no translation; plus the level.</summary>
    public const int Translation = 0x04;

    /// <summary>The access flag is clear; plus the level.</summary>
    public const int AccessFlag = 0x08;

    /// <summary>The access is forbidden; plus the level.</summary>
    public const int Permission = 0x0c;

    /// <summary>A translation table is not in memory; plus the level.</summary>
    public const int ExternalOnWalk = 0x14;

    /// <summary>What is fetched is not in memory.</summary>
    public const int External = 0x10;

    /// <summary>The address is not aligned.</summary>
    public const int Alignment = 0x21;

    /// <summary>An exclusive access to what is not memory.</summary>
    public const int UnsupportedExclusive = 0x35;
}
