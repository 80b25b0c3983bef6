namespace Squib.Machine.Mmu;

/// <summary>What translation tables say of a page besides its address.</summary>
[Flags]
internal enum PageAttributes
{
    /// <summary>EL1 may read, write and execute.</summary>
    None = 0,

    /// <summary>EL0 may access it too (AP[1]).</summary>
    User = 1,

    /// <summary>It must not be written (AP[2]).</summary>
    ReadOnly = 2,

    /// <summary>EL0 must not execute it (UXN).</summary>
    UserNoExecute = 4,

    /// <summary>EL1 must not execute it (PXN).</summary>
    PrivilegedNoExecute = 8,

    /// <summary>The translation belongs to one address space id (nG).</summary>
    NotGlobal = 16,
}
