namespace Squib.Machine.Cpu;

/// <summary>The architectural state of one arm64 CPU, in unmanaged memory so that handlers reach it through a pointer.</summary>
internal unsafe struct CpuState
{
    /// <summary>The index in <see cref="X"/> that always reads as zero (XZR as a source).</summary>
    public const int Zero = 31;

    /// <summary>The index in <see cref="X"/> of the current stack pointer.</summary>
    public const int Sp = 32;

    /// <summary>The index in <see cref="X"/> that takes results nobody wants (XZR as a destination).</summary>
    public const int Sink = 33;

    /// <summary>X0 to X30, then zero, the stack pointer, and the sink.</summary>
    public fixed ulong X[34];

    /// <summary>V0 to V31, low half first.</summary>
    public fixed ulong V[64];

    /// <summary>The condition flags as they stand in PSTATE: N bit 31, Z bit 30, C bit 29, V bit 28.</summary>
    public uint Nzcv;

    /// <summary>Floating-point control register.</summary>
    public uint Fpcr;

    /// <summary>Floating-point status register; the cumulative exception bits and QC.</summary>
    public uint Fpsr;
}
