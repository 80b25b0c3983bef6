using System.Globalization;
using Squib.Virtio.Bus;
using Squib.Virtio.Interrupts;

namespace Squib.Virtio.Transport;

/// <summary>A place for one virtio-MMIO device: addresses and an interrupt.</summary>
/// <param name="Number">0 to 31.</param>
public readonly record struct Slot(int Number)
{
    /// <summary>The guest-physical address of slot 0.</summary>
    public const ulong FirstAddress = 0x0F00_0000;

    /// <summary>The size of a slot in bytes: a page, so that the guest can map one device alone.</summary>
    public const ulong Size = 0x1000;

    /// <summary>The raw INTID of slot 0.</summary>
    public const uint FirstInterrupt = 48;

    /// <summary>The addresses of the slot.</summary>
    public MmioRange Range => new(FirstAddress + ((ulong)Number * Size), Size);

    /// <summary>The interrupt of the slot.</summary>
    public IntId Interrupt => new(FirstInterrupt + (uint)Number);

    /// <summary>The name of the slot's node in a device tree.</summary>
    public string DeviceTreeName => string.Create(CultureInfo.InvariantCulture, $"virtio_mmio@{Range.Start:x}");

    /// <summary>The compatible property of the slot's node.</summary>
    public static string DeviceTreeCompatible => "virtio,mmio";

    /// <summary>The interrupts property of the slot's node: type 0 (SPI), number, flags (1 edge-rising, 4 level-high).</summary>
    /// <param name="trigger">How the line signals.</param>
    public uint[] DeviceTreeInterrupts(IrqTrigger trigger = IrqTrigger.Edge) =>
        [0, Interrupt.SpiCell, trigger == IrqTrigger.Edge ? 1u : 4u];
}
