using Squib.Virtio.Transport;

namespace Squib.Cli.Boot;

/// <summary>A virtio device in its slot.</summary>
/// <param name="Name">What it is to the user, such as <c>block 0</c>.</param>
/// <param name="Observed">The device.</param>
/// <param name="Transport">Its registers.</param>
internal sealed record AttachedDevice(string Name, ObservedDevice Observed, VirtioMmioTransport Transport);
