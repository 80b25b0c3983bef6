namespace Squib.Machine.Cpu;

/// <summary>
/// The system registers that the CPU does not have itself: debug, performance monitors, timer, interrupt controller.
/// </summary>
internal static unsafe class OtherRegisters
{
    // SAFETY: reads the CPU's own state only.

    /// <summary>Says what becomes of an access.</summary>
    /// <param name="s">The CPU.</param>
    /// <param name="encoding">op0 &lt;&lt; 14 | op1 &lt;&lt; 11 | CRn &lt;&lt; 7 | CRm &lt;&lt; 3 | op2.</param>
    internal static OtherRegister Classify(CpuState* s, uint encoding)
    {
        uint op0 = encoding >> 14;
        uint op1 = (encoding >> 11) & 7;
        uint crn = (encoding >> 7) & 15;
        uint crm = (encoding >> 3) & 15;
        bool user = s->El == 0;
        if (user && op1 != 3) return OtherRegister.None;
        if (op0 == 2)
        {
            if (user) return OtherRegister.Trapped;
            return op1 is 0 or 3 ? OtherRegister.ReadsAsZero : OtherRegister.None;
        }

        return (op1, crn) switch
        {
            (0, 0) when crm < 8 => OtherRegister.ReadsAsZero,
            (0, 9) when crm == 14 => OtherRegister.ReadsAsZero,
            (0, 4) when crm == 6 => OtherRegister.OfMachine, // ICC_PMR_EL1
            (0, 12) when crm is >= 8 and <= 12 => OtherRegister.OfMachine, // ICC_*
            (3, 9) when crm >= 12 => user ? OtherRegister.Trapped : OtherRegister.ReadsAsZero, // PM*
            (3, 14) when crm >= 8 => user ? OtherRegister.Trapped : OtherRegister.ReadsAsZero, // PMEV*
            (3, 14) when crm < 4 && user && !UserMay(s, crm, encoding & 7) => OtherRegister.Trapped,
            (3, 14) when crm < 4 => OtherRegister.OfMachine, // CNT*
            _ => OtherRegister.None,
        };
    }

    /// <summary>Whether a register is one of those that identify the CPU, which cannot be written.</summary>
    /// <param name="encoding">op0 &lt;&lt; 14 | op1 &lt;&lt; 11 | CRn &lt;&lt; 7 | CRm &lt;&lt; 3 | op2.</param>
    internal static bool IsIdentification(uint encoding) => encoding >> 6 == 3 << 8;

    // CNTKCTL_EL1: EL0PCTEN bit 0, EL0VCTEN bit 1, EL0VTEN bit 8, EL0PTEN bit 9.
    private static bool UserMay(CpuState* s, uint crm, uint op2)
    {
        ulong needs = (crm, op2) switch
        {
            (0, 0) => 3, // CNTFRQ_EL0: either counter
            (0, 1) => 1,
            (0, 2) => 2,
            (3, _) => 1 << 8,
            _ => 1 << 9,
        };
        return (s->System.CntkctlEl1 & needs) != 0;
    }
}
