using Squib.Machine.Boot;
using Squib.Virtio.Limits;
using Squib.Virtio.Transport;

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

    /// <summary>The number of ports that the console has room for; with more than one it offers MULTIPORT.</summary>
    public int ConsolePorts { get; init; } = 1;

    /// <summary>The socket device; null for none.</summary>
    public GuestSocketOptions? Vsock { get; init; }

    /// <summary>Whether there is an entropy device.</summary>
    public bool Rng { get; init; }

    /// <summary>What limits the entropy device; null for nothing.</summary>
    public RateLimits? RngLimits { get; init; }

    /// <summary>The devices that have to do with memory.</summary>
    public MemoryDeviceOptions MemoryDevices { get; init; } = new();

    /// <summary>What the transports of all devices offer.</summary>
    public TransportOptions Transport { get; init; } = new();

    /// <summary>Where the serial line leads; null discards.</summary>
    public Stream? SerialOutput { get; init; }

    /// <summary>The number of virtio devices.</summary>
    public int DeviceCount => Drives.Count + NetCards.Count + (Rng ? 1 : 0) + (Vsock is null ? 0 : 1)
        + (ConsoleOutput is null ? 0 : 1) + MemoryDevices.Count;
}
