namespace Squib.Machine.Boot;

/// <summary>Where kernel, initrd and device tree lie in RAM.</summary>
internal sealed record Placement
{
    /// <summary>The room for the device tree at the end of RAM; a kernel takes no larger one either.</summary>
    public const ulong DeviceTreeBytes = 2 << 20;

    private const ulong Alignment = 2 << 20;
    private const ulong GapBehindKernel = 16 << 20;
    private const ulong UsualInitrdOffset = 256 << 20;

    /// <summary>The guest-physical address of the kernel's first byte, which is its entry point too.</summary>
    public required ulong Kernel { get; init; }

    /// <summary>The guest-physical address of the initrd; meaningless if there is none.</summary>
    public required ulong Initrd { get; init; }

    /// <summary>The guest-physical address of the device tree.</summary>
    public required ulong DeviceTree { get; init; }

    /// <summary>Finds the places.</summary>
    /// <param name="ramBytes">The size of RAM from <see cref="MemoryMap.RamStart"/> on.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="initrdBytes">The size of the initrd, 0 if there is none.</param>
    /// <exception cref="ArgumentException">Something does not fit; the message says what, and by how much.</exception>
    public static Placement Find(ulong ramBytes, KernelImage kernel, ulong initrdBytes)
    {
        // Offsets from the start of RAM, in 128 bits because a header can claim any size.
        UInt128 kernelAt = Alignment + kernel.TextOffset;
        UInt128 kernelEnd = kernelAt + kernel.MemoryBytes;
        UInt128 needed = kernelEnd + DeviceTreeBytes;
        if (needed > ramBytes)
            throw DoesNotFit($"The kernel, which needs {kernel.MemoryBytes} bytes,", ramBytes, needed);
        ulong limit = ramBytes - DeviceTreeBytes;
        ulong initrdAt = FindInitrd((ulong)kernelEnd, initrdBytes, limit);
        needed = (UInt128)initrdAt + initrdBytes + DeviceTreeBytes;
        if (needed > ramBytes) throw DoesNotFit($"The initrd of {initrdBytes} bytes", ramBytes, needed);
        return new Placement
        {
            Kernel = MemoryMap.RamStart + (ulong)kernelAt,
            Initrd = MemoryMap.RamStart + initrdAt,
            DeviceTree = MemoryMap.RamStart + limit,
        };
    }

    private static ulong FindInitrd(ulong kernelEnd, ulong initrdBytes, ulong limit)
    {
        ulong usual = Math.Max(AlignUp(kernelEnd + GapBehindKernel), UsualInitrdOffset);
        return usual <= limit && initrdBytes <= limit - usual ? usual : AlignUp(kernelEnd);
    }

    private static ulong AlignUp(ulong offset) => (offset + (Alignment - 1)) & ~(Alignment - 1);

    private static ArgumentException DoesNotFit(string what, ulong ramBytes, UInt128 needed)
    {
        // Whole MiB, rounded up: that is the unit in which people size a machine.
        UInt128 missing = (needed - ramBytes + ((1 << 20) - 1)) >> 20;
        return new ArgumentException(
            $"{what} does not fit into {ramBytes >> 20} MiB of RAM: {missing} MiB more are needed.");
    }
}
