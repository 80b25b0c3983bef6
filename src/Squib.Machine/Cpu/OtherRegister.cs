namespace Squib.Machine.Cpu;

/// <summary>What becomes of an access to a system register that the CPU does not have itself.</summary>
internal enum OtherRegister
{
    /// <summary>There is no such register.</summary>
    None,

    /// <summary>It reads as zero and ignores writes.</summary>
    ReadsAsZero,

    /// <summary>EL1 has forbidden EL0 the access.</summary>
    Trapped,

    /// <summary>The machine answers.</summary>
    OfMachine,
}
