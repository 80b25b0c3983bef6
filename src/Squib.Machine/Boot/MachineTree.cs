using System.Globalization;
using System.Security.Cryptography;
using Squib.Virtio.Transport;

namespace Squib.Machine.Boot;

/// <summary>The device tree of the machine: what <see cref="MemoryMap"/> says, and what the user has chosen.</summary>
internal sealed record MachineTree
{
    private const uint GicHandle = 1;
    private const uint ClockHandle = 2;
    private const uint Spi = 0;
    private const uint Ppi = 1;
    private const uint LevelHigh = 4;
    private const uint FirstPpi = 16;
    private const int SeedBytes = 64;

    /// <summary>The size of RAM in bytes.</summary>
    public required ulong RamBytes { get; init; }

    /// <summary>The kernel's command line.</summary>
    public required string CommandLine { get; init; }

    /// <summary>The guest-physical address of the initrd.</summary>
    public ulong InitrdStart { get; init; }

    /// <summary>The size of the initrd in bytes, 0 if there is none.</summary>
    public ulong InitrdBytes { get; init; }

    /// <summary>The occupied virtio slots.</summary>
    public IReadOnlyList<Slot> Slots { get; init; } = [];

    /// <summary>
    /// Those that no driver is to take: Linux refuses programs the registers of a device that a driver has.
    /// </summary>
    public IReadOnlySet<Slot> Driverless { get; init; } = new HashSet<Slot>();

    /// <summary>Writes the tree.</summary>
    /// <returns>The flattened device tree.</returns>
    public byte[] ToBytes()
    {
        DeviceTreeWriter writer = new();
        writer.BeginNode("")
            .Cells("interrupt-parent", GicHandle)
            .Cells("#address-cells", 2)
            .Cells("#size-cells", 2)
            .Text("compatible", "linux,dummy-virt")
            .Text("model", "squib");
        WriteChosen(writer);
        writer.BeginNode(At("memory", MemoryMap.RamStart))
            .Text("device_type", "memory")
            .Numbers("reg", MemoryMap.RamStart, RamBytes)
            .EndNode();
        WriteCpu(writer);
        WriteGic(writer);
        WriteUart(writer);
        foreach (Slot slot in Slots)
        {
            writer.BeginNode(slot.DeviceTreeName)
                .Text("compatible", Slot.DeviceTreeCompatible)
                .Numbers("reg", slot.Range.Start, slot.Range.Length)
                .Cells("interrupts", slot.DeviceTreeInterrupts())
                .Flag("dma-coherent");
            if (Driverless.Contains(slot)) writer.Text("status", "disabled");
            writer.EndNode();
        }

        return writer.EndNode().Finish();
    }

    private static string At(string name, ulong address) =>
        string.Create(CultureInfo.InvariantCulture, $"{name}@{address:x}");

    // A seed makes the guest's random pool ready at once. No kaslr-seed: it forces page-table isolation on.
    private void WriteChosen(DeviceTreeWriter writer)
    {
        writer.BeginNode("chosen")
            .Text("bootargs", CommandLine)
            .Text("stdout-path", "/" + At("pl011", MemoryMap.Uart.Start));
        if (InitrdBytes > 0)
        {
            writer.Numbers("linux,initrd-start", InitrdStart)
                .Numbers("linux,initrd-end", InitrdStart + InitrdBytes);
        }

        writer.Bytes("rng-seed", RandomNumberGenerator.GetBytes(SeedBytes)).EndNode();
    }

    private static void WriteCpu(DeviceTreeWriter writer) => writer
        .BeginNode("cpus")
            .Cells("#address-cells", 1)
            .Cells("#size-cells", 0)
            .BeginNode("cpu@0")
                .Text("device_type", "cpu")
                .Text("compatible", "arm,armv8")
                .Cells("reg", 0)
                .Text("enable-method", "psci")
            .EndNode()
        .EndNode()
        .BeginNode("psci")
            .Text("compatible", "arm,psci-1.0", "arm,psci-0.2")
            .Text("method", "hvc")
        .EndNode()
        .BeginNode("timer")
            .Text("compatible", "arm,armv8-timer")
            .Cells(
                "interrupts",
                Ppi, MemoryMap.SecureTimerInterrupt - FirstPpi, LevelHigh,
                Ppi, MemoryMap.PhysicalTimerInterrupt - FirstPpi, LevelHigh,
                Ppi, MemoryMap.VirtualTimerInterrupt - FirstPpi, LevelHigh,
                Ppi, MemoryMap.HypervisorTimerInterrupt - FirstPpi, LevelHigh)
            .Flag("always-on")
        .EndNode();

    private static void WriteGic(DeviceTreeWriter writer) => writer
        .BeginNode(At("intc", MemoryMap.Distributor.Start))
            .Text("compatible", "arm,gic-v3")
            .Cells("phandle", GicHandle)
            .Flag("interrupt-controller")
            .Cells("#interrupt-cells", 3)
            .Cells("#address-cells", 0)
            .Numbers(
                "reg",
                MemoryMap.Distributor.Start, MemoryMap.Distributor.Length,
                MemoryMap.Redistributor.Start, MemoryMap.Redistributor.Length)
        .EndNode();

    private static void WriteUart(DeviceTreeWriter writer) => writer
        .BeginNode("apb-pclk")
            .Text("compatible", "fixed-clock")
            .Cells("phandle", ClockHandle)
            .Cells("#clock-cells", 0)
            .Cells("clock-frequency", MemoryMap.UartClockHz)
            .Text("clock-output-names", "clk24mhz")
        .EndNode()
        .BeginNode(At("pl011", MemoryMap.Uart.Start))
            .Text("compatible", "arm,pl011", "arm,primecell")
            .Numbers("reg", MemoryMap.Uart.Start, MemoryMap.Uart.Length)
            .Cells("interrupts", Spi, MemoryMap.UartInterrupt.SpiCell, LevelHigh)
            .Cells("clocks", ClockHandle, ClockHandle)
            .Text("clock-names", "uartclk", "apb_pclk")
        .EndNode();
}
