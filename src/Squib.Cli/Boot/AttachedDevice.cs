using Squib.Virtio.Transport;

namespace Squib.Cli.Boot;

/// <summary>A virtio device in its slot.</summary>
/// <param name="Device">The device.</param>
/// <param name="Transport">Its registers.</param>
internal sealed record AttachedDevice(IVirtioDevice Device, VirtioMmioTransport Transport)
{
    /// <summary>What it is to the user, such as <c>block 0</c>.</summary>
    public string Name => Transport.Name;
}
