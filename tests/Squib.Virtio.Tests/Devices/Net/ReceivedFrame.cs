using Squib.Virtio.Devices.Net;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>A frame that a guest has received.</summary>
/// <param name="Header">What stood before it.</param>
/// <param name="Bytes">The frame.</param>
/// <param name="Lengths">What the device says that it has written to each of its buffers.</param>
internal sealed record ReceivedFrame(NetHeader Header, byte[] Bytes, int[] Lengths);
