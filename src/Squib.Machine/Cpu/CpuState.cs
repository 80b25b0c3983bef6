using System.Runtime.CompilerServices;

namespace Squib.Machine.Cpu;

/// <summary>The state of one arm64 CPU, in unmanaged memory so that handlers reach it through a pointer.</summary>
/// <remarks>What a handler touches for nearly every instruction stands first.</remarks>
internal unsafe struct CpuState
{
    // SAFETY: allocated by SoftwareCpu, which frees it when it is disposed of and nothing runs any more. The pointers
    // in it are to memory of the same owner: look-aside tables, code pages.

    /// <summary>The index in <see cref="X"/> that always reads as zero (XZR as a source).</summary>
    public const int Zero = 31;

    /// <summary>The index in <see cref="X"/> of the current stack pointer.</summary>
    public const int Sp = 32;

    /// <summary>The index in <see cref="X"/> that takes results nobody wants (XZR as a destination).</summary>
    public const int Sink = 33;

    private const int XCount = 34;
    private const int VCount = 64;
    private fixed ulong x[XCount];
    private fixed ulong v[VCount];

    /// <summary>The condition flags as they stand in PSTATE: N bit 31, Z bit 30, C bit 29, V bit 28.</summary>
    public uint Nzcv;

    /// <summary>
    /// Whether a SIMD or floating-point instruction traps at the current exception level (CPACR_EL1.FPEN).
    /// </summary>
    public bool SimdTrapped;

    /// <summary>
    /// What must be clear in a stack pointer that is used as a base: 15 where its alignment is checked, or 0.
    /// </summary>
    public uint StackMask;

    /// <summary>Translations for reading at the current exception level.</summary>
    public TlbEntry* ReadTlb;

    /// <summary>Translations for writing at the current exception level.</summary>
    public TlbEntry* WriteTlb;

    /// <summary>Decoded pages by virtual address, at the current exception level.</summary>
    public FetchEntry* FetchTlb;

    /// <summary>The decoded instructions of the page that is being executed.</summary>
    public Op* PageOps;

    /// <summary>The virtual address of the page that is being executed.</summary>
    public ulong PageVa;

    /// <summary>Where execution goes on after a memory access that failed, and between two runs of the loop.</summary>
    public Op* Next;

    /// <summary>What the last load on the slow path read.</summary>
    public ulong Loaded;

    /// <summary>What came before <see cref="Loaded"/>, if the last load on the slow path was of 128 bits.</summary>
    public ulong LoadedLow;

    /// <summary>Floating-point control register.</summary>
    public uint Fpcr;

    /// <summary>Floating-point status register; the cumulative exception bits and QC.</summary>
    public uint Fpsr;

    /// <summary>The exception level, 0 or 1.</summary>
    public uint El;

    /// <summary>PSTATE.SP: 1 where EL1 uses its own stack pointer.</summary>
    public uint SpSel;

    /// <summary>The interrupt masks where PSTATE has them: D bit 9, A bit 8, I bit 7, F bit 6.</summary>
    public uint Daif;

    /// <summary>Instructions that the loop counted but that were none.</summary>
    public uint NotInstructions;

    /// <summary>Whether the load or store under way has the rights of EL0 whatever the exception level.</summary>
    public bool Unprivileged;

    /// <summary>The stack pointers SP_EL0 and SP_EL1; the one in use is in <see cref="X"/>, and stale here.</summary>
    public fixed ulong StackPointers[2];

    /// <summary>The host address that an exclusive load has marked, or 0.</summary>
    public ulong ExclusiveAddress;

    /// <summary>The bytes that the exclusive load read: 1 to 16.</summary>
    public uint ExclusiveSize;

    /// <summary>1 while the interrupt input is asserted; any thread writes it.</summary>
    public int Irq;

    /// <summary>1 when the CPU is to stop; any thread writes it.</summary>
    public int StopRequested;

    /// <summary>The low half of what the exclusive load read.</summary>
    public ulong ExclusiveLow;

    /// <summary>The high half of what the exclusive load read.</summary>
    public ulong ExclusiveHigh;

    /// <summary>The system registers that only store a value, and copies of those that control something.</summary>
    public SystemState System;

    /// <summary>The handle of the <see cref="SoftwareCpu"/> that this is the state of.</summary>
    public nint Owner;

    /// <summary>X0 to X30, then zero, the stack pointer, and the sink.</summary>
    /// <remarks>
    /// A pointer is taken from this state as it lies, for the JIT checks a fixed buffer's owner for null.
    /// </remarks>
    public readonly ulong* X => (ulong*)Unsafe.AsPointer(ref Unsafe.AsRef(in this));

    /// <summary>V0 to V31, low half first.</summary>
    public readonly ulong* V => X + XCount;
}
