namespace Squib.Virtio.Tests.Conformance;

/// <summary>A trait on a test, or on all tests of a class.</summary>
/// <param name="Kind">"Row" for a row of the specification, "Case" for a hostile case, "Test" for the test itself.</param>
/// <param name="Id">The id of the row or case, or the name of the test.</param>
/// <param name="Name">The name of the test.</param>
/// <param name="File">Where it is, as a path from the root with slashes.</param>
/// <param name="Runs">Whether it is a test that runs.</param>
internal sealed record TaggedTest(string Kind, string Id, string Name, string File, bool Runs);
