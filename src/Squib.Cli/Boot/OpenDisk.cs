using Squib.Virtio.Devices.Block;

namespace Squib.Cli.Boot;

/// <summary>A disk of the machine and its image.</summary>
/// <param name="Device">The device.</param>
/// <param name="Image">The open image.</param>
internal sealed record OpenDisk(BlockDevice Device, FileBlockBackend Image);
