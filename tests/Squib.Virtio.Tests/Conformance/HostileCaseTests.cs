using System.Text;
using Xunit;

namespace Squib.Virtio.Tests.Conformance;

/// <summary>Each case of a hostile guest or a failing host is a test that names it.</summary>
public sealed class HostileCaseTests
{
    private const int Count = 192;

    private static readonly (char Letter, string Title)[] Groups =
    [
        ('T', "Registers"), ('Q', "Split rings"), ('I', "Indirect tables"), ('P', "Packed rings"), ('B', "Block"), ('N', "Network"),
        ('V', "Sockets"), ('L', "Balloon"), ('R', "Entropy"), ('C', "Console"), ('E', "Persistent memory"), ('M', "Memory"),
        ('X', "Boot timer"), ('Z', "Changing memory and races"), ('S', "Floods"), ('H', "Faults of the host"),
    ];

    private static readonly List<(string Id, string Statement)> Cases =
        [.. Table.Read("cases.csv", "id", "statement").Select(fields => (fields[0], fields[1]))];

    private static readonly HashSet<string> Pending = [.. Table.Read("pending.csv", "id").Select(fields => fields[0])];

    private static readonly ILookup<string, TaggedTest> Tests =
        TaggedTests.Find().Where(test => test.Kind == "Case").ToLookup(test => test.Id);

    [Fact]
    public void All_cases_are_listed_once()
    {
        Assert.Equal(Count, Cases.Count);
        Assert.Equal(Count, Cases.DistinctBy(c => c.Id).Count());
        Assert.Equal(Groups.Select(group => group.Letter), Cases.Select(c => c.Id[0]).Distinct());
    }

    [Fact]
    public void Every_case_is_tested()
    {
        IEnumerable<string> untested = Cases.Select(c => c.Id).Where(id => !Tests.Contains(id) && !Pending.Contains(id));
        Assert.Empty(untested);
    }

    [Fact]
    public void Every_case_that_a_test_names_exists()
    {
        HashSet<string> known = [.. Cases.Select(c => c.Id)];
        Assert.All(Tests.SelectMany(tests => tests), test => Assert.Contains(test.Id, known));
    }

    [Fact]
    public void The_page_says_what_is_tested_where() => Assert.Null(Page.Check("hostile.md", Write()));

    private static string Write()
    {
        StringBuilder page = new();
        int tested = Cases.Count(c => Tests.Contains(c.Id));
        page.Append($"tested {tested}, untested {Cases.Count - tested}\n\n");
        page.Append("# Hostile guests and failing hosts\n\n");
        page.Append("What a guest may try and what may break under the devices, and the tests that do it. ");
        page.Append("`SQUIB_WRITE_DOCS=1 dotnet test tests/Squib.Virtio.Tests --filter Conformance` writes this page from the tests.\n");
        foreach ((char letter, string title) in Groups)
        {
            page.Append($"\n## {title}\n\n");
            Page.Row(page, "case", "what happens", "tests");
            Page.Row(page, "---", "---", "---");
            foreach ((string id, string statement) in Cases.Where(c => c.Id[0] == letter))
                Page.Row(page, id, statement, Page.Links(Tests[id]));
        }

        return page.ToString();
    }
}
