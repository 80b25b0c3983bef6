using System.Buffers.Binary;

namespace Squib.Machine.Devices;

/// <summary>
/// The state of 32 interrupts and the registers that show it; distributor and redistributor are made of these.
/// </summary>
/// <remarks>Not synchronised: the GIC's lock is held by whoever calls.</remarks>
/// <param name="alwaysEdge">The interrupts that are edge-triggered and cannot be configured (SGIs).</param>
internal sealed class InterruptBank(uint alwaysEdge = 0)
{
    /// <summary>The number of interrupts in a bank.</summary>
    public const int Lines = 32;

    /// <summary>The bits of a priority that exist: five, so 32 levels.</summary>
    public const uint PriorityMask = 0xF8;

    private readonly byte[] priorities = new byte[Lines];
    private readonly uint fixedEdge = alwaysEdge;
    private uint enabled;
    private uint latched;
    private uint active;
    private uint groupOne;
    private uint edge = alwaysEdge;
    private uint level;

    /// <summary>What is pending: latched edges and requests, and level-triggered inputs that are high now.</summary>
    public uint Pending => latched | (level & ~edge);

    /// <summary>What is in group 1.</summary>
    public uint GroupOne => groupOne;

    /// <summary>What is pending, enabled and not being served already.</summary>
    public uint Ready => Pending & enabled & ~active;

    /// <summary>The bank that a register of the ranges 0x080-0x7ff and 0xc00-0xcff belongs to, or -1.</summary>
    /// <param name="offset">The register's offset in its frame.</param>
    public static int IndexOf(uint offset) => offset switch
    {
        >= 0x080 and < 0x400 => (int)(offset & 0x7F) >> 2,
        >= 0x400 and < 0x800 => (int)(offset - 0x400) >> 5,
        >= 0xC00 and < 0xD00 => (int)(offset - 0xC00) >> 3,
        _ => -1,
    };

    /// <summary>The priority of an interrupt; a lower number goes first.</summary>
    /// <param name="line">0 to 31.</param>
    public byte Priority(int line) => priorities[line];

    /// <summary>Sets the level of an input; a rising edge is latched where the interrupt is edge-triggered.</summary>
    /// <param name="line">0 to 31.</param>
    /// <param name="asserted">Whether it is high.</param>
    public void SetLevel(int line, bool asserted)
    {
        uint bit = 1u << line;
        if (!asserted)
        {
            level &= ~bit;
            return;
        }

        latched |= bit & edge & ~level;
        level |= bit;
    }

    /// <summary>Makes interrupts pending by request of software.</summary>
    /// <param name="lines">One bit for each.</param>
    public void Latch(uint lines) => latched |= lines;

    /// <summary>
    /// A CPU has taken an interrupt: it is active, and pending again only if its level stays or another edge comes.
    /// </summary>
    /// <param name="line">0 to 31.</param>
    public void Acknowledge(int line)
    {
        active |= 1u << line;
        latched &= ~(1u << line);
    }

    /// <summary>A CPU is done with an interrupt.</summary>
    /// <param name="line">0 to 31.</param>
    public void Deactivate(int line) => active &= ~(1u << line);

    /// <summary>Reads a register for which <see cref="IndexOf"/> names this bank.</summary>
    /// <param name="offset">The register's offset in its frame, a multiple of 4.</param>
    public uint Read(uint offset) => (offset & ~0x7Fu) switch
    {
        0x080 => groupOne,
        0x100 or 0x180 => enabled,
        0x200 or 0x280 => Pending,
        0x300 or 0x380 => active,
        0xC00 or 0xC80 => ReadConfiguration((int)(offset >> 2) & 1),
        _ => BinaryPrimitives.ReadUInt32LittleEndian(priorities.AsSpan((int)offset & 0x1C)),
    };

    /// <summary>Writes a register for which <see cref="IndexOf"/> names this bank.</summary>
    /// <param name="offset">The register's offset in its frame, a multiple of 4.</param>
    /// <param name="value">The value.</param>
    public void Write(uint offset, uint value)
    {
        switch (offset & ~0x7Fu)
        {
            case 0x080: groupOne = value; break;
            case 0x100: enabled |= value; break;
            case 0x180: enabled &= ~value; break;
            case 0x200: latched |= value; break;
            case 0x280: latched &= ~value; break;
            case 0x300: active |= value; break;
            case 0x380: active &= ~value; break;
            case 0xC00 or 0xC80: WriteConfiguration((int)(offset >> 2) & 1, value); break;
            default:
                uint kept = value & (PriorityMask * 0x0101_0101);
                BinaryPrimitives.WriteUInt32LittleEndian(priorities.AsSpan((int)offset & 0x1C), kept);
                break;
        }
    }

    // Two bits for each interrupt, of which the upper one says edge-triggered.
    private uint ReadConfiguration(int half)
    {
        uint value = 0;
        for (int i = 0; i < 16; i++) value |= ((edge >> ((half * 16) + i)) & 1) << ((2 * i) + 1);
        return value;
    }

    private void WriteConfiguration(int half, uint value)
    {
        for (int i = 0; i < 16; i++)
        {
            uint bit = 1u << ((half * 16) + i);
            edge = ((value >> ((2 * i) + 1)) & 1) != 0 ? edge | bit : edge & ~bit;
        }

        edge |= fixedEdge;
    }
}
