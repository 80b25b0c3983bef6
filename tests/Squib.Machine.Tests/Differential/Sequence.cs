namespace Squib.Machine.Tests.Differential;

/// <summary>Some instructions and the state in which they start.</summary>
/// <param name="Words">The instructions.</param>
/// <param name="State">A block as <see cref="Layout"/> describes it.</param>
internal sealed record Sequence(IReadOnlyList<uint> Words, byte[] State);
