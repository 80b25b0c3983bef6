using Squib.Virtio.Memory;

namespace Squib.Machine.Mmu;

/// <summary>
/// Stage 1 of address translation at EL1 and EL0: the registers that control it, the TLB and the walk.
/// </summary>
internal sealed class AddressTranslation
{
    private const ulong TcrA1 = 1ul << 22;
    private const ulong TcrAs = 1ul << 36;

    private readonly GuestMemory memory;
    private readonly Tlb tlb = new();
    private TranslationControl lower = TranslationControl.Of(0, upper: false);
    private TranslationControl upper = TranslationControl.Of(0, upper: true);
    private ulong tcr;
    private ulong ttbr0;
    private ulong ttbr1;
    private bool enabled;
    private bool writeImpliesNoExecute;

    /// <summary>Creates the unit with the MMU off.</summary>
    /// <param name="memory">Where translation tables are.</param>
    public AddressTranslation(GuestMemory memory) => this.memory = memory;

    /// <summary>The address space id in use.</summary>
    public ushort Asid { get; private set; }

    /// <summary>Takes over a new SCTLR_EL1.</summary>
    /// <param name="sctlr">The register.</param>
    /// <returns>Whether translations that were handed out may differ now.</returns>
    public bool SetControl(ulong sctlr)
    {
        bool nowEnabled = (sctlr & 1) != 0;
        bool nowNoExecute = (sctlr & (1 << 19)) != 0;
        bool changed = nowEnabled != enabled || nowNoExecute != writeImpliesNoExecute;
        enabled = nowEnabled;
        writeImpliesNoExecute = nowNoExecute;
        return changed;
    }

    /// <summary>Takes over a new TCR_EL1; translations that were handed out may differ then.</summary>
    /// <param name="value">The register.</param>
    public void SetTranslationControl(ulong value)
    {
        tcr = value;
        lower = TranslationControl.Of(value, upper: false);
        upper = TranslationControl.Of(value, upper: true);
        tlb.InvalidateAll();
        UpdateAsid();
    }

    /// <summary>Takes over a new TTBR0_EL1.</summary>
    /// <param name="value">The register.</param>
    /// <returns>Whether the address space id changed.</returns>
    public bool SetLowerTable(ulong value)
    {
        ttbr0 = value;
        return UpdateAsid();
    }

    /// <summary>Takes over a new TTBR1_EL1.</summary>
    /// <param name="value">The register.</param>
    /// <returns>Whether the address space id changed.</returns>
    public bool SetUpperTable(ulong value)
    {
        ttbr1 = value;
        return UpdateAsid();
    }

    /// <summary>Translates an address and checks the rights to it.</summary>
    /// <param name="va">The virtual address.</param>
    /// <param name="access">What the access is for.</param>
    /// <param name="user">Whether it has the rights of EL0.</param>
    public Translation Translate(ulong va, MemoryAccess access, bool user)
    {
        if (!enabled) return Identity(va);
        bool isUpper = (va & (1ul << 55)) != 0;
        ref readonly TranslationControl control = ref isUpper ? ref upper : ref lower;
        Translation found;
        if (!control.Covers(va))
        {
            found = Translation.Faulted(FaultStatus.Translation);
        }
        else if (!tlb.TryFind(va, Asid, out found))
        {
            found = PageWalk.Walk(memory, control, isUpper ? ttbr1 : ttbr0, va);
            if (!found.Failed) tlb.Insert(va, Asid, found);
        }

        if (found.Failed || found.Permits(access, user, writeImpliesNoExecute)) return found;
        return Translation.Faulted(FaultStatus.Permission + found.Level);
    }

    /// <summary>The address that a branch to a tagged address goes to.</summary>
    /// <param name="va">The virtual address.</param>
    public ulong Untag(ulong va)
    {
        bool isUpper = (va & (1ul << 55)) != 0;
        return (isUpper ? upper : lower).IgnoresTopByte ? (ulong)((long)(va << 8) >> 8) : va;
    }

    /// <summary>Drops all translations.</summary>
    public void InvalidateAll() => tlb.InvalidateAll();

    /// <summary>Drops the translations of a page.</summary>
    /// <param name="va">A virtual address in the page.</param>
    /// <param name="asid">The address space, or null for all.</param>
    /// <returns>False if everything was dropped.</returns>
    public bool InvalidatePage(ulong va, ushort? asid) => tlb.InvalidatePage(va, asid);

    /// <summary>Drops the translations of one address space that are not global.</summary>
    /// <param name="asid">The address space id.</param>
    public void InvalidateAsid(ushort asid) => tlb.InvalidateAsid(asid);

    private static Translation Identity(ulong va) => va >> TranslationControl.PhysicalBits != 0
        ? Translation.Faulted(FaultStatus.AddressSize)
        : new(va & ~0xffful, PageAttributes.User, 0, 3, FaultStatus.None);

    private bool UpdateAsid()
    {
        ulong register = (tcr & TcrA1) != 0 ? ttbr1 : ttbr0;
        ushort asid = (ushort)(register >> 48);
        if ((tcr & TcrAs) == 0) asid &= 0xff;
        bool changed = asid != Asid;
        Asid = asid;
        return changed;
    }
}
