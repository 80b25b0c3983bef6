using System.Numerics;
using Squib.Virtio.Bus;
using Squib.Virtio.Interrupts;

namespace Squib.Machine.Devices;

/// <summary>A GICv3 for one CPU: 288 interrupts, one security state, no LPIs and no ITS.</summary>
/// <remarks>
/// One lock guards all state; it is held for a few instructions, and the CPU's IRQ input is set under it so that its
/// level never lags behind the state. Devices may raise interrupts from any thread.
/// </remarks>
internal sealed class Gicv3 : IGic
{
    private readonly Lock gate = new();
    private readonly GicDistributor distributor = new();
    private readonly GicRedistributor redistributor = new();
    private readonly GicCpuInterface cpu = new();
    private IVcpu? vcpu;
    private bool irq;

    /// <summary>Creates the controller in its reset state, connected to no CPU.</summary>
    public Gicv3()
    {
        DistributorFrame = new GicFrame(ReadDistributor, WriteDistributor);
        RedistributorFrame = new GicFrame(ReadRedistributor, WriteRedistributor);
    }

    /// <summary>The distributor's registers, 64 KiB.</summary>
    public IBusDevice DistributorFrame { get; }

    /// <summary>The redistributor's registers, 128 KiB.</summary>
    public IBusDevice RedistributorFrame { get; }

    /// <summary>Connects the CPU whose IRQ input this controller drives.</summary>
    /// <param name="target">The CPU.</param>
    public void Connect(IVcpu target)
    {
        lock (gate)
        {
            vcpu = target;
            target.SetIrq(irq);
        }
    }

    /// <summary>Forgets the CPU: from now on nothing is called.</summary>
    public void Disconnect()
    {
        lock (gate) vcpu = null;
    }

    /// <inheritdoc/>
    public void PulseSpi(IntId id)
    {
        if (id.Raw is < IntId.FirstSpi or >= MemoryMap.InterruptLines) return;
        lock (gate)
        {
            (InterruptBank bank, int line) = Locate(id.Raw);
            bank.SetLevel(line, asserted: true);
            bank.SetLevel(line, asserted: false);
            Update();
        }
    }

    /// <inheritdoc/>
    public void SetSpiLevel(IntId id, bool asserted)
    {
        if (id.Raw is >= IntId.FirstSpi and < MemoryMap.InterruptLines) SetLevel(id.Raw, asserted);
    }

    /// <summary>Sets the level of a private interrupt's input.</summary>
    /// <param name="interrupt">The INTID, 16 to 31.</param>
    /// <param name="asserted">Whether it is high.</param>
    public void SetPpiLevel(uint interrupt, bool asserted)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(interrupt, 16u);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(interrupt, 31u);
        SetLevel(interrupt, asserted);
    }

    /// <summary>Reads a register of the CPU interface.</summary>
    /// <param name="encoding">The register, see <see cref="IVcpuExits"/>.</param>
    /// <param name="value">Its value.</param>
    /// <returns>Whether there is such a register and it can be read.</returns>
    public bool TryReadSystemRegister(uint encoding, out ulong value)
    {
        lock (gate)
        {
            uint? read = encoding switch
            {
                IccRegister.Pmr => cpu.PriorityMask,
                IccRegister.Iar0 => Acknowledge(groupOne: false),
                IccRegister.Hppir0 => Peek(groupOne: false),
                IccRegister.Bpr0 => cpu.BinaryPoint0,
                IccRegister.Ap0r0 => cpu.ActivePriorities0,
                IccRegister.Ap1r0 => cpu.ActivePriorities1,
                IccRegister.Rpr => cpu.RunningPriority,
                IccRegister.Iar1 => Acknowledge(groupOne: true),
                IccRegister.Hppir1 => Peek(groupOne: true),
                IccRegister.Bpr1 => cpu.BinaryPoint1,
                IccRegister.Ctlr => cpu.Control,
                IccRegister.Sre => IccRegister.SreAlways,
                IccRegister.Igrpen0 => cpu.GroupZeroEnabled ? 1u : 0,
                IccRegister.Igrpen1 => cpu.GroupOneEnabled ? 1u : 0,
                _ => null,
            };
            value = read ?? 0;
            return read.HasValue;
        }
    }

    /// <summary>Writes a register of the CPU interface.</summary>
    /// <param name="encoding">The register, see <see cref="IVcpuExits"/>.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether there is such a register and it can be written.</returns>
    public bool TryWriteSystemRegister(uint encoding, ulong value)
    {
        uint low = (uint)value;
        lock (gate)
        {
            switch (encoding)
            {
                case IccRegister.Pmr: cpu.PriorityMask = low; break;
                case IccRegister.Eoir0: End(low, groupOne: false); break;
                case IccRegister.Bpr0: cpu.BinaryPoint0 = low; break;
                case IccRegister.Ap0r0: cpu.ActivePriorities0 = low; break;
                case IccRegister.Ap1r0: cpu.ActivePriorities1 = low; break;
                case IccRegister.Dir:
                    if (cpu.DeactivatesSeparately) Deactivate(low);
                    break;
                case IccRegister.Sgi1r: Send(value, groupOne: true); break;
                case IccRegister.Sgi0r: Send(value, groupOne: false); break;
                case IccRegister.Asgi1r: break; // For the other security state, which does not exist.
                case IccRegister.Eoir1: End(low, groupOne: true); break;
                case IccRegister.Bpr1: cpu.BinaryPoint1 = low; break;
                case IccRegister.Ctlr: cpu.Control = low; break;
                case IccRegister.Sre: break; // There is no memory-mapped CPU interface to switch to.
                case IccRegister.Igrpen0: cpu.GroupZeroEnabled = (low & 1) != 0; break;
                case IccRegister.Igrpen1: cpu.GroupOneEnabled = (low & 1) != 0; break;
                default: return false;
            }

            Update();
            return true;
        }
    }

    private void SetLevel(uint interrupt, bool asserted)
    {
        lock (gate)
        {
            (InterruptBank bank, int line) = Locate(interrupt);
            bank.SetLevel(line, asserted);
            Update();
        }
    }

    private uint ReadDistributor(uint offset)
    {
        lock (gate) return distributor.Read(offset);
    }

    private void WriteDistributor(uint offset, uint value)
    {
        lock (gate)
        {
            distributor.Write(offset, value);
            Update();
        }
    }

    private uint ReadRedistributor(uint offset)
    {
        lock (gate) return redistributor.Read(offset);
    }

    private void WriteRedistributor(uint offset, uint value)
    {
        lock (gate)
        {
            redistributor.Write(offset, value);
            Update();
        }
    }

    private (InterruptBank Bank, int Line) Locate(uint interrupt)
    {
        int line = (int)interrupt % InterruptBank.Lines;
        int bank = (int)interrupt / InterruptBank.Lines;
        return (bank == 0 ? redistributor.Bank : distributor.Banks[bank - 1], line);
    }

    /// <summary>Brings the IRQ input into line with the state; whatever changes the state ends with this.</summary>
    private void Update()
    {
        PendingInterrupt next = FindNext();
        bool wanted = next.GroupOne && cpu.CanSignal(next);
        if (wanted == irq) return;
        irq = wanted;
        vcpu?.SetIrq(wanted);
    }

    private PendingInterrupt FindNext()
    {
        PendingInterrupt best = new(PendingInterrupt.None, 0xFF, false);
        if (redistributor.Asleep) return best;
        uint zero = distributor.GroupZeroEnabled && cpu.GroupZeroEnabled ? uint.MaxValue : 0;
        uint one = distributor.GroupOneEnabled && cpu.GroupOneEnabled ? uint.MaxValue : 0;
        Consider(redistributor.Bank, 0, 0, zero, one, ref best);
        for (int i = 0; i < distributor.Banks.Length; i++)
            Consider(distributor.Banks[i], i + 1, distributor.Elsewhere(i), zero, one, ref best);
        return best;
    }

    private static void Consider(
        InterruptBank bank, int index, uint excluded, uint zero, uint one, ref PendingInterrupt best)
    {
        uint ready = bank.Ready & ~excluded & ((bank.GroupOne & one) | (~bank.GroupOne & zero));
        while (ready != 0)
        {
            int line = BitOperations.TrailingZeroCount(ready);
            ready &= ready - 1;
            byte priority = bank.Priority(line);
            if (priority >= best.Priority) continue;
            bool groupOne = ((bank.GroupOne >> line) & 1) != 0;
            best = new((uint)((index * InterruptBank.Lines) + line), priority, groupOne);
        }
    }

    private uint Peek(bool groupOne)
    {
        PendingInterrupt next = FindNext();
        return next.GroupOne == groupOne ? next.Id : PendingInterrupt.None;
    }

    private uint Acknowledge(bool groupOne)
    {
        PendingInterrupt next = FindNext();
        if (next.GroupOne != groupOne || !cpu.CanSignal(next)) return PendingInterrupt.None;
        cpu.Activate(next);
        (InterruptBank bank, int line) = Locate(next.Id);
        bank.Acknowledge(line);
        Update();
        return next.Id;
    }

    private void End(uint interrupt, bool groupOne)
    {
        if (interrupt >= MemoryMap.InterruptLines || !cpu.TryDropPriority(groupOne)) return;
        if (!cpu.DeactivatesSeparately) Deactivate(interrupt);
    }

    private void Deactivate(uint interrupt)
    {
        if (interrupt >= MemoryMap.InterruptLines) return;
        (InterruptBank bank, int line) = Locate(interrupt);
        bank.Deactivate(line);
    }

    // The one CPU has affinity 0.0.0.0; "all but myself" is nobody.
    private void Send(ulong value, bool groupOne)
    {
        const ulong AllButMyself = 1ul << 40;
        const ulong AffinityAbove0 = 0x00FF_F0FF_00FF_0000;
        if ((value & AllButMyself) != 0 || (value & AffinityAbove0) != 0 || (value & 1) == 0) return;
        uint bit = 1u << (int)((value >> 24) & 15);
        if (((redistributor.Bank.GroupOne & bit) != 0) == groupOne) redistributor.Bank.Latch(bit);
    }
}
