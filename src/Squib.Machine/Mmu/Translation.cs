namespace Squib.Machine.Mmu;

/// <summary>The translation of a 4 KiB page, or why there is none.</summary>
/// <param name="Page">The physical address of the page.</param>
/// <param name="Attributes">What may be done with it.</param>
/// <param name="MemoryType">The index into MAIR_EL1.</param>
/// <param name="Level">The level of the table that maps it.</param>
/// <param name="Fault">A fault status code, or <see cref="FaultStatus.None"/>.</param>
internal readonly record struct Translation(ulong Page, PageAttributes Attributes, int MemoryType, int Level, int Fault)
{
    /// <summary>Whether there is no translation.</summary>
    public bool Failed => Fault != FaultStatus.None;

    /// <summary>The answer of a walk that found nothing.</summary>
    /// <param name="fault">The fault status code, with the level in it.</param>
    public static Translation Faulted(int fault) => new(0, PageAttributes.None, 0, 0, fault);

    /// <summary>Whether an access is permitted.</summary>
    /// <param name="access">What the access is for.</param>
    /// <param name="user">Whether it has the rights of EL0.</param>
    /// <param name="writeImpliesNoExecute">SCTLR_EL1.WXN.</param>
    public bool Permits(MemoryAccess access, bool user, bool writeImpliesNoExecute)
    {
        bool userMay = (Attributes & PageAttributes.User) != 0;
        bool writable = (Attributes & PageAttributes.ReadOnly) == 0;
        return access switch
        {
            MemoryAccess.Read => !user || userMay,
            MemoryAccess.Write => writable && (!user || userMay),
            _ when user => (Attributes & PageAttributes.UserNoExecute) == 0
                && !(writeImpliesNoExecute && writable && userMay),

            // What EL0 may write EL1 never executes.
            _ => (Attributes & PageAttributes.PrivilegedNoExecute) == 0
                && !(writable && (userMay || writeImpliesNoExecute)),
        };
    }
}
