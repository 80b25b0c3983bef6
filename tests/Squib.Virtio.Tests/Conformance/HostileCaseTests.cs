using System.Text;
using Xunit;

namespace Squib.Virtio.Tests.Conformance;

/// <summary>Each case of a hostile guest or a failing host is a test that names it.</summary>
public sealed class HostileCaseTests
{
    private const int Count = 192;
    private const int ClassCount = 22;

    private static readonly (char Letter, string Title)[] Groups =
    [
        ('T', "Registers"), ('Q', "Split rings"), ('I', "Indirect tables"), ('P', "Packed rings"), ('B', "Block"), ('N', "Network"),
        ('V', "Sockets"), ('L', "Balloon"), ('R', "Entropy"), ('C', "Console"), ('E', "Persistent memory"), ('M', "Memory"),
        ('X', "Boot timer"), ('Z', "Changing memory and races"), ('S', "Floods"), ('H', "Faults of the host"),
    ];

    private static readonly List<(string Id, string Statement)> Cases =
        [.. Table.Read("cases.csv", "id", "statement").Select(fields => (fields[0], fields[1]))];

    private static readonly HashSet<string> Pending = [.. Table.Read("pending.csv", "id").Select(fields => fields[0])];

    private static readonly List<TaggedTest> AllTests = TaggedTests.Find();

    private static readonly ILookup<string, TaggedTest> Tests =
        AllTests.Where(test => test.Kind == "Case").ToLookup(test => test.Id);

    private static readonly ILookup<string, TaggedTest> TestsByName =
        AllTests.Where(test => test.Kind == "Test").ToLookup(test => test.Id);

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
    public void Every_class_of_bugs_is_taken_to_every_device_or_a_reason_is_given()
    {
        Assert.Equal(Enumerable.Range(1, ClassCount).Select(number => $"A{number}"), BugClasses.All.Select(bugs => bugs.Id));
        foreach ((string id, _) in BugClasses.All)
        {
            HashSet<string> rows = [.. BugClasses.Rows.Where(row => row.Class == id).Select(row => row.Device)];
            Assert.True(rows.Contains(BugClasses.Others) || BugClasses.Devices.All(rows.Contains), $"{id} has no word about some devices.");
        }
    }

    [Fact]
    public void Every_row_of_a_class_of_bugs_names_tests_that_run_or_says_why_there_are_none()
    {
        HashSet<string> classes = [.. BugClasses.All.Select(bugs => bugs.Id)];
        foreach (BugClassRow row in BugClasses.Rows)
        {
            Assert.Contains(row.Class, classes);
            Assert.NotEmpty(row.What);
            Assert.Equal(row.Device == BugClasses.Others, row.Tests.Length == 0);
            Assert.All(row.Tests, name => Assert.True(Tests.Contains(name) || TestsByName.Contains(name), $"{row.Class}: {name} does not run."));
        }
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

        BugClasses.Write(page, name => TestsByName[name].FirstOrDefault());
        return page.ToString();
    }
}
