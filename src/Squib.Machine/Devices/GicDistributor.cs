namespace Squib.Machine.Devices;

/// <summary>The distributor of a GICv3 with one security state: shared interrupts, and where they go.</summary>
/// <remarks>Not synchronised: the GIC's lock is held by whoever calls.</remarks>
internal sealed class GicDistributor
{
    private const uint AffinityRouting = 1 << 4;
    private const uint DisableSecurity = 1 << 6;
    private const uint AnyCpu = 1u << 31;
    private const int SharedBanks = (MemoryMap.InterruptLines / InterruptBank.Lines) - 1;

    private readonly InterruptBank[] banks = [.. Enumerable.Range(0, SharedBanks).Select(_ => new InterruptBank())];
    private readonly uint[] routerLow = new uint[SharedBanks * InterruptBank.Lines];
    private readonly uint[] routerHigh = new uint[SharedBanks * InterruptBank.Lines];
    private readonly uint[] elsewhere = new uint[SharedBanks];
    private uint groupEnables;

    /// <summary>Whether interrupts of group 0 are forwarded.</summary>
    public bool GroupZeroEnabled => (groupEnables & 1) != 0;

    /// <summary>Whether interrupts of group 1 are forwarded.</summary>
    public bool GroupOneEnabled => (groupEnables & 2) != 0;

    /// <summary>The shared interrupts, 32 in each bank; the first one begins at INTID 32.</summary>
    public ReadOnlySpan<InterruptBank> Banks => banks;

    /// <summary>What a bank's routing sends to a CPU that does not exist.</summary>
    /// <param name="bank">The index in <see cref="Banks"/>.</param>
    public uint Elsewhere(int bank) => elsewhere[bank];

    /// <summary>Reads a register of the frame.</summary>
    /// <param name="offset">A multiple of 4.</param>
    public uint Read(uint offset)
    {
        switch (offset)
        {
            case 0x0000: return groupEnables | AffinityRouting | DisableSecurity;
            case 0x0004: return SharedBanks | (GicIdentity.InterruptIdBits - 1) << 19;
            case 0x0008: return GicIdentity.Implementer;
            case >= 0x6100 and < 0x8000:
                int line = (int)((offset - 0x6100) >> 3);
                if (line >= routerLow.Length) return 0;
                return (offset & 4) == 0 ? routerLow[line] : routerHigh[line];
            case >= 0xFFD0: return GicIdentity.Read(offset);
            default:
                int bank = InterruptBank.IndexOf(offset) - 1;
                return (uint)bank < SharedBanks ? banks[bank].Read(offset) : 0;
        }
    }

    /// <summary>Writes a register of the frame.</summary>
    /// <param name="offset">A multiple of 4.</param>
    /// <param name="value">The value.</param>
    public void Write(uint offset, uint value)
    {
        if (offset == 0)
        {
            groupEnables = value & 3;
        }
        else if (offset is >= 0x6100 and < 0x8000)
        {
            WriteRouter((int)((offset - 0x6100) >> 3), (offset & 4) != 0, value);
        }
        else
        {
            int bank = InterruptBank.IndexOf(offset) - 1;
            if ((uint)bank < SharedBanks) banks[bank].Write(offset, value);
        }
    }

    private void WriteRouter(int line, bool upperHalf, uint value)
    {
        if (line >= routerLow.Length) return;
        if (upperHalf) routerHigh[line] = value & 0xFF;
        else routerLow[line] = value & (AnyCpu | 0xFF_FFFF);
        bool here = (routerLow[line] & AnyCpu) != 0 || (routerLow[line] | routerHigh[line]) == 0;
        uint bit = 1u << (line % InterruptBank.Lines);
        ref uint away = ref elsewhere[line / InterruptBank.Lines];
        away = here ? away & ~bit : away | bit;
    }
}
