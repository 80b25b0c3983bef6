using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace Squib.Virtio.Tests.Conformance;

/// <summary>
/// Each statement of the specification about devices is proven by a test that names it, or is about a feature that no device offers.
/// </summary>
public sealed partial class ConformanceTests
{
    private const int Normative = 273;
    private const int Described = 87;

    private static readonly (string Prefix, string Title)[] Groups =
    [
        ("BASE", "Basic facilities"), ("RSVD", "Reserved feature bits"), ("SPLIT", "Split virtqueues"), ("INORD", "In-order use"),
        ("PACKED", "Packed virtqueues"), ("MMIO", "MMIO transport"), ("BLK", "Block device"), ("NET", "Network device"),
        ("CON", "Console device"), ("RNG", "Entropy device"), ("BAL", "Memory balloon device"), ("VSOCK", "Socket device"),
        ("PMEM", "Persistent memory device"), ("MEM", "Memory device"),
    ];

    private static readonly List<ConformanceRow> Rows =
        [.. Table.Read("rows.csv", "id", "section", "level", "feature", "statement").Select(f => new ConformanceRow(f[0], f[1], f[2], f[3], f[4]))];

    private static readonly Dictionary<string, string> Exempt = Table.Read("exempt.csv", "id", "reason")
        .Concat(Table.Read("exempt-net.csv", "id", "reason")).ToDictionary(fields => fields[0], fields => fields[1]);

    private static readonly HashSet<string> Pending = [.. Table.Read("pending.csv", "id").Select(fields => fields[0])];

    private static readonly ILookup<string, TaggedTest> Tests =
        TaggedTests.Find().Where(test => test.Kind == "Row").ToLookup(test => test.Id);

    private static string Prefix(string id) => id.Split('-')[0];

    [Fact]
    public void All_statements_are_listed_once()
    {
        Assert.Equal(Rows.Count, Rows.DistinctBy(row => row.Id).Count());
        Assert.Equal(Normative, Rows.Count(row => row.IsNormative));
        Assert.Equal(Described, Rows.Count(row => !row.IsNormative));
        Assert.Equal(Groups.Select(group => group.Prefix), Rows.Select(row => Prefix(row.Id)).Distinct());
    }

    [Fact]
    public void Every_row_is_tested_or_exempt()
    {
        IEnumerable<string> uncovered = Rows.Select(row => row.Id)
            .Where(id => !Tests.Contains(id) && !Exempt.ContainsKey(id) && !Pending.Contains(id));
        Assert.Empty(uncovered);
    }

    [Fact]
    public void No_row_is_both_tested_and_exempt() => Assert.DoesNotContain(Exempt.Keys, Tests.Contains);

    [Fact]
    public void Every_row_that_a_test_or_an_exemption_names_exists()
    {
        HashSet<string> known = [.. Rows.Select(row => row.Id)];
        Assert.All(Tests.SelectMany(tests => tests), test => Assert.Contains(test.Id, known));
        Assert.All(Exempt.Keys, id => Assert.Contains(id, known));
    }

    [Fact]
    public void Every_test_that_names_a_row_or_a_case_runs() =>
        Assert.DoesNotContain(TaggedTests.Find(), test => !test.Runs);

    [Fact]
    public void Exempt_is_only_what_needs_a_feature_that_no_device_offers()
    {
        foreach ((string id, string reason) in Exempt)
        {
            ConformanceRow row = Rows.Single(row => row.Id == id);
            // Each alternative of the row needs a feature that the reason names and that is not offered.
            foreach (string alternative in row.Feature.Split(" or "))
            {
                IEnumerable<Match> needed = FeatureName().Matches(alternative);
                Assert.True(needed.Any(feature => Names(reason, feature) && !EveryDevice.Offers(feature.Value)), $"{id}: {reason}");
            }
        }
    }

    [Fact]
    public void The_page_says_what_is_tested_where() => Assert.Null(Page.Check("conformance.md", Write()));

    private static bool Names(string reason, Match feature) => Regex.IsMatch(reason, $@"\b(?:VIRTIO_\w+_)?{feature.Groups[1].Value}\b");

    private static string Write()
    {
        StringBuilder page = new();
        int tested = Rows.Count(row => Tests.Contains(row.Id));
        page.Append($"tested {tested}, exempt {Exempt.Count}, uncovered {Rows.Count - tested - Exempt.Count}\n\n");
        page.Append("# Conformance\n\n");
        page.Append("Every statement of virtio 1.2 about the device's side, in this project's words, and the tests that prove it. ");
        page.Append("Exempt are statements about features that no device here offers. ");
        page.Append("`SQUIB_WRITE_DOCS=1 dotnet test tests/Squib.Virtio.Tests --filter Conformance` writes this page from the tests.\n");
        foreach ((string prefix, string title) in Groups)
        {
            page.Append($"\n## {title}\n\n");
            Page.Row(page, "row", "section", "level", "feature", "statement", "tests");
            Page.Row(page, "---", "---", "---", "---", "---", "---");
            foreach (ConformanceRow row in Rows.Where(row => Prefix(row.Id) == prefix))
            {
                string tests = Exempt.TryGetValue(row.Id, out string? reason) ? $"exempt: {reason}" : Page.Links(Tests[row.Id]);
                Page.Row(page, row.Id, row.Section, row.Level, row.Feature, row.Statement, tests);
            }
        }

        return page.ToString();
    }

    [GeneratedRegex(@"(?<!!)VIRTIO_(?:[A-Z]+_)?F_(\w+)")]
    private static partial Regex FeatureName();
}
