namespace Squib.Cli.Guest;

/// <summary>One of Debian's builds of the arm64 kernel.</summary>
/// <param name="Name">The last part of the package's name, such as <c>cloud-arm64</c>.</param>
internal sealed record GuestFlavour(string Name)
{
    /// <summary>The build for virtual machines: half the size, all virtio drivers as modules, ext4 built in.</summary>
    public static GuestFlavour Cloud { get; } = new("cloud-arm64");

    /// <summary>The build for every arm64 computer: virtio and virtio_ring built in, ext4 a module.</summary>
    public static GuestFlavour Generic { get; } = new("arm64");

    /// <summary>The meta package that depends on the newest kernel of this flavour.</summary>
    public string MetaPackage => "linux-image-" + Name;

    /// <summary>The modules that a guest may need, in load order; a flavour has some of them built in.</summary>
    public static IReadOnlyList<string> Modules { get; } =
    [
        "virtio_ring", "virtio", "virtio_mmio", "virtio_blk", "failover", "net_failover", "virtio_net",
        "vsock", "vmw_vsock_virtio_transport_common", "vmw_vsock_virtio_transport", "virtio-rng", "virtio_console",
        "virtio_balloon", "libnvdimm", "nd_virtio", "nd_btt", "dax", "nd_pmem", "virtio_pmem", "virtio_mem",
        "crc16", "crc32c_generic", "libcrc32c", "mbcache", "jbd2", "ext4",
    ];
}
