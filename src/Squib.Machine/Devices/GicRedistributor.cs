namespace Squib.Machine.Devices;

/// <summary>The redistributor of one CPU: its sixteen software-generated and sixteen private interrupts.</summary>
/// <remarks>Not synchronised: the GIC's lock is held by whoever calls.</remarks>
internal sealed class GicRedistributor
{
    private const uint PrivateFrame = 0x1_0000;
    private const uint ProcessorSleep = 1 << 1;
    private const uint ChildrenAsleep = 1 << 2;
    private const uint Last = 1 << 4;

    /// <summary>
    /// The private interrupts, INTID 0 to 31; the first sixteen are software-generated and so always edges.
    /// </summary>
    public InterruptBank Bank { get; } = new(alwaysEdge: 0xFFFF);

    /// <summary>Whether software has put the CPU's connection to sleep: nothing is forwarded then.</summary>
    public bool Asleep { get; private set; } = true;

    /// <summary>Reads a register of the two frames.</summary>
    /// <param name="offset">A multiple of 4.</param>
    public uint Read(uint offset)
    {
        switch (offset)
        {
            case 0x0004: return GicIdentity.Implementer;
            case 0x0008: return Last;
            case 0x0014: return Asleep ? ProcessorSleep | ChildrenAsleep : 0;
            case >= 0xFFD0 and < PrivateFrame: return GicIdentity.Read(offset);
            case >= PrivateFrame + 0xFFD0: return GicIdentity.Read(offset - PrivateFrame);
            case >= PrivateFrame when InterruptBank.IndexOf(offset - PrivateFrame) == 0:
                return Bank.Read(offset - PrivateFrame);
            default: return 0;
        }
    }

    /// <summary>Writes a register of the two frames.</summary>
    /// <param name="offset">A multiple of 4.</param>
    /// <param name="value">The value.</param>
    public void Write(uint offset, uint value)
    {
        if (offset == 0x14) Asleep = (value & ProcessorSleep) != 0;
        else if (offset >= PrivateFrame && InterruptBank.IndexOf(offset - PrivateFrame) == 0)
            Bank.Write(offset - PrivateFrame, value);
    }
}
