using Microsoft.Extensions.Logging;
using Squib.Machine.Boot;
using Squib.Virtio.Memory;

namespace Squib.Machine;

/// <summary>What a machine is made of.</summary>
public sealed record MachineOptions
{
    /// <summary>
    /// The guest's memory, lent by the caller: RAM from <see cref="MemoryMap.RamStart"/> on, in regions side by side,
    /// and above it whatever devices bring (pmem, mem).
    /// </summary>
    public required GuestMemory Memory { get; init; }

    /// <summary>
    /// The size of RAM in bytes, a multiple of 4096; 0 means everything that lies side by side from
    /// <see cref="MemoryMap.RamStart"/> on. To be given where a device's memory begins right behind RAM.
    /// </summary>
    public ulong RamBytes { get; init; }

    /// <summary>The kernel.</summary>
    public required KernelImage Kernel { get; init; }

    /// <summary>The initial RAM disk or file system; empty for none.</summary>
    public ReadOnlyMemory<byte> Initrd { get; init; }

    /// <summary>
    /// The kernel's command line; <c>console=ttyAMA0</c> and <c>panic=1</c> are added where it has neither.
    /// </summary>
    public string CommandLine { get; init; } = "";

    /// <summary>Where the guest's serial output goes; null discards it. The machine does not close it.</summary>
    public Stream? SerialOutput { get; init; }

    /// <summary>Called once, on the CPU's thread, right before the kernel's first instruction.</summary>
    public Action? KernelEntry { get; init; }

    /// <summary>What the guest's clock follows.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where the machine reports what goes wrong on the host's side.</summary>
    public ILogger? Logger { get; init; }
}
