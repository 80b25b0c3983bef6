namespace Squib.Machine.Cpu;

/// <summary>One system register: its encoding, where its value is, and what a write does besides storing.</summary>
internal sealed unsafe class SystemRegister
{
    // SAFETY: the function pointers are of static methods; the offset is of a field of CpuState.

    /// <summary>Describes a register.</summary>
    /// <param name="name">The name in the manual.</param>
    /// <param name="encoding">op0 &lt;&lt; 14 | op1 &lt;&lt; 11 | CRn &lt;&lt; 7 | CRm &lt;&lt; 3 | op2.</param>
    public SystemRegister(string name, uint encoding)
    {
        Name = name;
        Encoding = encoding;
    }

    /// <summary>The name in the manual.</summary>
    public string Name { get; }

    /// <summary>op0 &lt;&lt; 14 | op1 &lt;&lt; 11 | CRn &lt;&lt; 7 | CRm &lt;&lt; 3 | op2.</summary>
    public uint Encoding { get; }

    /// <summary>What executes MRS; null if the register cannot be read.</summary>
    public delegate*<CpuState*, Op*, Op*> Read { get; init; }

    /// <summary>What executes MSR; null if the register cannot be written.</summary>
    public delegate*<CpuState*, Op*, Op*> Write { get; init; }

    /// <summary>
    /// What the handlers find in <see cref="Op.Immediate"/>: the offset of a field of the state, or a constant.
    /// </summary>
    public ulong Operand { get; init; }

    /// <summary>Puts an encoding together.</summary>
    /// <param name="op0">2 or 3.</param>
    /// <param name="op1">0 to 7.</param>
    /// <param name="crn">0 to 15.</param>
    /// <param name="crm">0 to 15.</param>
    /// <param name="op2">0 to 7.</param>
    public static uint Encode(uint op0, uint op1, uint crn, uint crm, uint op2) =>
        (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}
