using Squib.Virtio.Limits;
using Squib.Virtio.Transport;

namespace Squib.Cli.Boot;

/// <summary>What <c>squib boot</c> was asked for.</summary>
internal sealed record BootOptions
{
    /// <summary>The size of RAM where none is given, in bytes.</summary>
    public const long DefaultMemoryBytes = 512L << 20;

    /// <summary>The kernel: an arm64 Image or Image.gz.</summary>
    public required string KernelPath { get; init; }

    /// <summary>The initial file system, or null.</summary>
    public string? InitrdPath { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>The size of RAM in bytes.</summary>
    public long MemoryBytes { get; init; } = DefaultMemoryBytes;

    /// <summary>The disks in their order; the first is the guest's vda.</summary>
    public IReadOnlyList<DriveOptions> Drives { get; init; } = [];

    /// <summary>The network cards in their order; the first is the guest's eth0.</summary>
    public IReadOnlyList<NetCardOptions> NetCards { get; init; } = [];

    /// <summary>Where the virtio console leads; <see cref="StreamKind.Off"/> means that there is none.</summary>
    public StreamTarget Console { get; init; } = StreamTarget.Off;

    /// <summary>Where the PL011 serial line leads.</summary>
    public StreamTarget Serial { get; init; } = StreamTarget.Stdio;

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

    /// <summary>The file that is written with what is measured, or null.</summary>
    public string? MetricsPath { get; init; }

    /// <summary>Whether to print what the machine did once it has ended.</summary>
    public bool Stats { get; init; }
}
