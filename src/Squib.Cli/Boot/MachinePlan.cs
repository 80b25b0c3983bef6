using Squib.Machine.Boot;

namespace Squib.Cli.Boot;

/// <summary>What a machine is to be made of; nothing of it is opened yet but the kernel and the streams.</summary>
internal sealed record MachinePlan
{
    /// <summary>The kernel.</summary>
    public required KernelImage Kernel { get; init; }

    /// <summary>The initial file system; empty for none.</summary>
    public ReadOnlyMemory<byte> Initrd { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>The size of RAM in bytes.</summary>
    public long MemoryBytes { get; init; } = BootOptions.DefaultMemoryBytes;

    /// <summary>The disks.</summary>
    public IReadOnlyList<DriveOptions> Drives { get; init; } = [];

    /// <summary>The network cards.</summary>
    public IReadOnlyList<NetCardOptions> NetCards { get; init; } = [];

    /// <summary>Where a virtio console's output goes; null for no console.</summary>
    public Stream? ConsoleOutput { get; init; }

    /// <summary>The socket device; null for none.</summary>
    public GuestSocketOptions? Vsock { get; init; }

    /// <summary>Whether there is an entropy device.</summary>
    public bool Rng { get; init; }

    /// <summary>The devices that have to do with memory.</summary>
    public MemoryDeviceOptions MemoryDevices { get; init; } = new();

    /// <summary>Where the serial line leads; null discards.</summary>
    public Stream? SerialOutput { get; init; }
}
