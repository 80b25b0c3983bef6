using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Tests that measure what the whole process does, and so run when no other test does.</summary>
[CollectionDefinition(nameof(AloneOnTheMachine), DisableParallelization = true)]
public sealed class AloneOnTheMachine;
