using Squib.Virtio.Bus;
using Squib.Virtio.Interrupts;

namespace Squib.Machine;

/// <summary>
/// Where everything lies and which interrupt it has: the one table behind the bus, the GIC and the device tree.
/// </summary>
public static class MemoryMap
{
    /// <summary>The guest-physical address of the first byte of RAM.</summary>
    public const ulong RamStart = 0x8000_0000;

    /// <summary>The INTID of the secure physical timer, which this machine describes but does not have.</summary>
    public const uint SecureTimerInterrupt = 29;

    /// <summary>The INTID of the physical timer (CNTP).</summary>
    public const uint PhysicalTimerInterrupt = 30;

    /// <summary>The INTID of the virtual timer (CNTV).</summary>
    public const uint VirtualTimerInterrupt = 27;

    /// <summary>The INTID of the hypervisor's timer, which this machine describes but does not have.</summary>
    public const uint HypervisorTimerInterrupt = 26;

    /// <summary>The number of interrupt lines of the GIC: 32 private ones, and the shared ones from INTID 32.</summary>
    public const int InterruptLines = 288;

    /// <summary>The frequency of the UART's and the bus' clock in the device tree, in hertz.</summary>
    public const uint UartClockHz = 24_000_000;

    /// <summary>The GIC's distributor frame (GICD).</summary>
    public static MmioRange Distributor { get; } = new(0x0800_0000, 0x1_0000);

    /// <summary>The GIC's redistributor frames (GICR): two of 64 KiB for the one vCPU.</summary>
    public static MmioRange Redistributor { get; } = new(0x080A_0000, 0x2_0000);

    /// <summary>The PL011 UART.</summary>
    public static MmioRange Uart { get; } = new(0x0E0A_0000, 0x1000);

    /// <summary>The interrupt of the PL011, level-triggered.</summary>
    public static IntId UartInterrupt { get; } = IntId.FromSpiCell(1);
}
