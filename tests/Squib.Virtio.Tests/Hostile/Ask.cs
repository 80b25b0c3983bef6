using Squib.Virtio.Tests.Queues;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>A well-formed request, and how many bytes the device says that it has written.</summary>
internal sealed record Ask(uint Least, uint Most, params Raw[] Chain);
