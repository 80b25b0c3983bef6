using System.Numerics;

namespace Squib.Machine.Devices;

/// <summary>The CPU interface of a GICv3: which interrupt may interrupt what is being done now.</summary>
/// <remarks>
/// One security state, five bits of priority. Group 0 is complete but has no wire (it would be the FIQ): it can be
/// polled. Not synchronised: the GIC's lock is held by whoever calls.
/// </remarks>
internal sealed class GicCpuInterface
{
    private const uint LowestBinaryPoint0 = 2;
    private const uint LowestBinaryPoint1 = 3;
    private const uint CommonBinaryPoint = 1 << 0;
    private const uint SeparateDeactivation = 1 << 1;
    private const uint PriorityBits = 4 << 8;
    private const byte Idle = 0xFF;

    private uint control;
    private uint priorityMask;
    private uint binaryPoint0 = LowestBinaryPoint0;
    private uint binaryPoint1 = LowestBinaryPoint1;

    /// <summary>Whether group 0 is enabled (ICC_IGRPEN0).</summary>
    public bool GroupZeroEnabled { get; set; }

    /// <summary>Whether group 1 is enabled (ICC_IGRPEN1).</summary>
    public bool GroupOneEnabled { get; set; }

    /// <summary>The priorities of group 0 that are being served, one bit for each (ICC_AP0R0).</summary>
    public uint ActivePriorities0 { get; set; }

    /// <summary>The priorities of group 1 that are being served, one bit for each (ICC_AP1R0).</summary>
    public uint ActivePriorities1 { get; set; }

    /// <summary>
    /// ICC_CTLR: common binary point (bit 0), separate priority drop and deactivation (bit 1), five priority bits.
    /// </summary>
    public uint Control
    {
        get => control | PriorityBits;
        set => control = value & (CommonBinaryPoint | SeparateDeactivation);
    }

    /// <summary>Whether an end of interrupt only drops the priority and ICC_DIR deactivates.</summary>
    public bool DeactivatesSeparately => (control & SeparateDeactivation) != 0;

    /// <summary>ICC_PMR: only interrupts of a priority below this are signalled.</summary>
    public uint PriorityMask
    {
        get => priorityMask;
        set => priorityMask = value & InterruptBank.PriorityMask;
    }

    /// <summary>ICC_BPR0: how many low bits of a priority do not count for preemption, less one.</summary>
    public uint BinaryPoint0
    {
        get => binaryPoint0;
        set => binaryPoint0 = Math.Max(value & 7, LowestBinaryPoint0);
    }

    /// <summary>
    /// ICC_BPR1: how many low bits of a priority in group 1 do not count; follows ICC_BPR0 where that is common.
    /// </summary>
    public uint BinaryPoint1
    {
        get => IsBinaryPointCommon ? Math.Min(binaryPoint0 + 1, 7) : binaryPoint1;
        set
        {
            if (!IsBinaryPointCommon) binaryPoint1 = Math.Max(value & 7, LowestBinaryPoint1);
        }
    }

    /// <summary>ICC_RPR: the priority that is being served, 0xff when none is.</summary>
    public byte RunningPriority
    {
        get
        {
            uint active = ActivePriorities0 | ActivePriorities1;
            return active == 0 ? Idle : (byte)(BitOperations.TrailingZeroCount(active) << 3);
        }
    }

    private bool IsBinaryPointCommon => (control & CommonBinaryPoint) != 0;

    /// <summary>Whether an interrupt is urgent enough to interrupt what is being done now.</summary>
    /// <param name="next">The most urgent pending interrupt.</param>
    public bool CanSignal(PendingInterrupt next) =>
        next.Id != PendingInterrupt.None
        && next.Priority < priorityMask
        && GroupPriority(next) < RunningPriority;

    /// <summary>Begins to serve an interrupt.</summary>
    /// <param name="taken">An interrupt that <see cref="CanSignal"/>.</param>
    public void Activate(PendingInterrupt taken)
    {
        uint bit = 1u << (GroupPriority(taken) >> 3);
        if (taken.GroupOne) ActivePriorities1 |= bit;
        else ActivePriorities0 |= bit;
    }

    /// <summary>Drops the running priority, if it belongs to the group.</summary>
    /// <param name="groupOne">The group whose end-of-interrupt register was written.</param>
    /// <returns>Whether it did; if not, the write has no effect.</returns>
    public bool TryDropPriority(bool groupOne)
    {
        uint active = ActivePriorities0 | ActivePriorities1;
        uint highest = active & (0 - active);
        if (groupOne)
        {
            if ((ActivePriorities1 & highest) == 0) return false;
            ActivePriorities1 &= ~highest;
        }
        else
        {
            if ((ActivePriorities0 & highest) == 0) return false;
            ActivePriorities0 &= ~highest;
        }

        return true;
    }

    private byte GroupPriority(PendingInterrupt interrupt)
    {
        uint ignoredBits = interrupt.GroupOne ? BinaryPoint1 : binaryPoint0 + 1;
        // A common binary point of 7 ignores all eight bits; the register, which saturates at 7, cannot say so.
        if (interrupt.GroupOne && IsBinaryPointCommon) ignoredBits = binaryPoint0 + 1;
        return (byte)(interrupt.Priority & (0xFF << (int)ignoredBits));
    }
}
