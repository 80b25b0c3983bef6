namespace Squib.Machine.Cpu;

/// <summary>The values of the system registers that the CPU itself keeps.</summary>
internal struct SystemState
{
    /// <summary>System control register.</summary>
    public ulong SctlrEl1;

    /// <summary>Auxiliary control register.</summary>
    public ulong ActlrEl1;

    /// <summary>Architectural feature access control.</summary>
    public ulong CpacrEl1;

    /// <summary>Translation table base of the lower half of the address space.</summary>
    public ulong Ttbr0El1;

    /// <summary>Translation table base of the upper half of the address space.</summary>
    public ulong Ttbr1El1;

    /// <summary>Translation control.</summary>
    public ulong TcrEl1;

    /// <summary>Memory attributes.</summary>
    public ulong MairEl1;

    /// <summary>Auxiliary memory attributes.</summary>
    public ulong AmairEl1;

    /// <summary>Auxiliary fault status 0.</summary>
    public ulong Afsr0El1;

    /// <summary>Auxiliary fault status 1.</summary>
    public ulong Afsr1El1;

    /// <summary>Vector base address.</summary>
    public ulong VbarEl1;

    /// <summary>Saved program status.</summary>
    public ulong SpsrEl1;

    /// <summary>Exception link.</summary>
    public ulong ElrEl1;

    /// <summary>Exception syndrome.</summary>
    public ulong EsrEl1;

    /// <summary>Fault address.</summary>
    public ulong FarEl1;

    /// <summary>The result of an address translation instruction.</summary>
    public ulong ParEl1;

    /// <summary>Context id.</summary>
    public ulong ContextidrEl1;

    /// <summary>Thread pointer of EL0.</summary>
    public ulong TpidrEl0;

    /// <summary>Thread pointer that EL0 may only read.</summary>
    public ulong TpidrroEl0;

    /// <summary>Thread pointer of EL1.</summary>
    public ulong TpidrEl1;

    /// <summary>Cache size selection.</summary>
    public ulong CsselrEl1;

    /// <summary>What EL0 may see of the timer.</summary>
    public ulong CntkctlEl1;

    /// <summary>Debug control; only stored.</summary>
    public ulong MdscrEl1;

    /// <summary>Whether every load and store must be aligned (SCTLR_EL1.A).</summary>
    public readonly bool ChecksAlignment => (SctlrEl1 & 2) != 0;
}
