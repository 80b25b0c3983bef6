namespace Squib.Virtio.Tests.Conformance;

/// <summary>A statement of the specification about the device's side.</summary>
/// <param name="Id">The id that tests name.</param>
/// <param name="Section">The heading it stands under.</param>
/// <param name="Level">MUST, MUST NOT, SHOULD, SHOULD NOT, MAY, or DESC for what is described without such a word.</param>
/// <param name="Feature">The features it depends on.</param>
/// <param name="Statement">What it says, in this project's words.</param>
internal sealed record ConformanceRow(string Id, string Section, string Level, string Feature, string Statement)
{
    /// <summary>Whether the statement has a word of requirement.</summary>
    public bool IsNormative => Level != "DESC";
}
