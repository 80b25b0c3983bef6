namespace Squib.Machine.Cpu;

/// <summary>The exception classes of ESR_EL1.EC that this CPU takes.</summary>
internal static class ExceptionClass
{
    /// <summary>An undefined instruction.</summary>
    public const uint Unknown = 0x00;

    /// <summary>WFI or WFE.</summary>
    public const uint Wait = 0x01;

    /// <summary>SIMD or floating point while CPACR_EL1.FPEN forbids it.</summary>
    public const uint SimdAccess = 0x07;

    /// <summary>The illegal execution state.</summary>
    public const uint IllegalState = 0x0e;

    /// <summary>SVC.</summary>
    public const uint SupervisorCall = 0x15;

    /// <summary>MSR, MRS or a system instruction.</summary>
    public const uint SystemAccess = 0x18;

    /// <summary>A failed instruction fetch at EL0.</summary>
    public const uint FetchAbortLower = 0x20;

    /// <summary>A failed instruction fetch at EL1.</summary>
    public const uint FetchAbortSame = 0x21;

    /// <summary>A misaligned program counter.</summary>
    public const uint PcAlignment = 0x22;

    /// <summary>A failed load or store at EL0.</summary>
    public const uint DataAbortLower = 0x24;

    /// <summary>A failed load or store at EL1.</summary>
    public const uint DataAbortSame = 0x25;

    /// <summary>A misaligned stack pointer.</summary>
    public const uint StackAlignment = 0x26;

    /// <summary>BRK.</summary>
    public const uint Breakpoint = 0x3c;
}
