using System.Text;

namespace Squib.Virtio.Tests.Conformance;

/// <summary>A page of docs/ that is made from the traits of the tests.</summary>
internal static class Page
{
    private const string WriteVariable = "SQUIB_WRITE_DOCS";

    /// <summary>Writes links to tests, one a line of a cell.</summary>
    /// <param name="tests">The tests.</param>
    public static string Links(IEnumerable<TaggedTest> tests) => string.Join(
        "<br>", tests.Select(test => $"[{test.Name.Replace('_', ' ')}](../{test.File})").Distinct().Order(StringComparer.Ordinal));

    /// <summary>Writes a row of a table.</summary>
    /// <param name="page">Where to.</param>
    /// <param name="cells">Its cells.</param>
    public static void Row(StringBuilder page, params string[] cells) =>
        page.Append("| ").AppendJoin(" | ", cells.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal))).Append(" |\n");

    /// <summary>Compares a page with what it should be, or writes it when it is asked to.</summary>
    /// <param name="name">The name of the page.</param>
    /// <param name="wanted">What it should be.</param>
    /// <returns>What is wrong, or null.</returns>
    public static string? Check(string name, string wanted)
    {
        string path = Path.Combine(Repository.Root, "docs", name);
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1") File.WriteAllText(path, wanted);
        if (File.Exists(path) && File.ReadAllText(path).ReplaceLineEndings("\n") == wanted) return null;
        return $"docs/{name} is not what the tests say. Run the tests with {WriteVariable}=1 to write it.";
    }
}
