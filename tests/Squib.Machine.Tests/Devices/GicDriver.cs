using System.Buffers.Binary;
using Squib.Machine.Devices;
using Squib.Virtio.Bus;
using Squib.Virtio.Interrupts;
using Xunit;

namespace Squib.Machine.Tests.Devices;

/// <summary>The driver's side of a GICv3, with one CPU; it sets the controller up as Linux does.</summary>
internal sealed class GicDriver
{
    public const uint Spurious = 1023;
    public const byte Normal = 0xA0;

    public GicDriver(bool initialise = true)
    {
        Gic.Connect(Vcpu);
        if (!initialise) return;
        Distributor(0x0000, 0x13);
        for (uint bank = 1; bank < 9; bank++)
        {
            Distributor(0x080 + (4 * bank), uint.MaxValue);
            for (uint word = 0; word < 8; word++) Distributor(0x400 + (32 * bank) + (4 * word), 0xA0A0_A0A0);
        }

        Redistributor(0x14, 0);
        Redistributor(0x1_0080, uint.MaxValue);
        for (uint word = 0; word < 8; word++) Redistributor(0x1_0400 + (4 * word), 0xA0A0_A0A0);
        System(IccRegister.Pmr, 0xF0);
        System(IccRegister.Igrpen1, 1);
    }

    public Gicv3 Gic { get; } = new();

    public RecordingVcpu Vcpu { get; } = new();

    public bool Irq => Vcpu.Irq;

    public uint Distributor(uint offset) => Read(Gic.DistributorFrame, offset);

    public void Distributor(uint offset, uint value) => Write(Gic.DistributorFrame, offset, value);

    public uint Redistributor(uint offset) => Read(Gic.RedistributorFrame, offset);

    public void Redistributor(uint offset, uint value) => Write(Gic.RedistributorFrame, offset, value);

    public uint System(uint register)
    {
        Assert.True(Gic.TryReadSystemRegister(register, out ulong value));
        return (uint)value;
    }

    public void System(uint register, ulong value) => Assert.True(Gic.TryWriteSystemRegister(register, value));

    public void Enable(uint interrupt) => Bit(0x100, interrupt);

    public void Disable(uint interrupt) => Bit(0x180, interrupt);

    public void MakeEdge(uint interrupt)
    {
        uint offset = 0xC00 + (interrupt / 16 * 4);
        Distributor(offset, Distributor(offset) | (2u << (int)(interrupt % 16 * 2)));
    }

    public void SetPriority(uint interrupt, byte priority)
    {
        if (interrupt < 32) Gic.RedistributorFrame.Write(0x1_0400 + interrupt, [priority]);
        else Gic.DistributorFrame.Write(0x400 + interrupt, [priority]);
    }

    public void EnableEdge(uint interrupt)
    {
        MakeEdge(interrupt);
        Enable(interrupt);
    }

    public void Pulse(uint interrupt) => Gic.PulseSpi(new IntId(interrupt));

    public void Level(uint interrupt, bool asserted) => Gic.SetSpiLevel(new IntId(interrupt), asserted);

    public uint Acknowledge() => System(IccRegister.Iar1);

    public void End(uint interrupt) => System(IccRegister.Eoir1, interrupt);

    private void Bit(uint family, uint interrupt)
    {
        uint bit = 1u << (int)(interrupt % 32);
        if (interrupt < 32) Redistributor(0x1_0000 + family, bit);
        else Distributor(family + (interrupt / 32 * 4), bit);
    }

    private static uint Read(IBusDevice frame, uint offset)
    {
        Span<byte> data = stackalloc byte[4];
        frame.Read(offset, data);
        return BinaryPrimitives.ReadUInt32LittleEndian(data);
    }

    private static void Write(IBusDevice frame, uint offset, uint value)
    {
        Span<byte> data = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        frame.Write(offset, data);
    }
}
