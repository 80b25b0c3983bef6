using System.Text;

namespace Squib.Virtio.Tests.Conformance;

/// <summary>The classes of bugs that devices have had, and the tests that take each of them to each device.</summary>
internal static class BugClasses
{
    /// <summary>In the place of a device: what is tested through all of them, or below them, in registers and rings.</summary>
    public const string Every = "every device";

    /// <summary>In the place of a device: those that a class does not apply to.</summary>
    public const string Others = "others";

    public static IReadOnlyList<string> Devices { get; } =
        ["block", "net", "vsock", "balloon", "rng", "console", "pmem", "mem", "boot timer"];

    public static IReadOnlyList<(string Id, string Statement)> All { get; } =
        [.. Table.Read("classes.csv", "id", "statement").Select(fields => (fields[0], fields[1]))];

    public static IReadOnlyList<BugClassRow> Rows { get; } =
    [
        .. Table.Read("class-tests.csv", "class", "device", "what", "tests").Select(fields =>
            new BugClassRow(fields[0], fields[1], fields[2], fields[3].Split(' ', StringSplitOptions.RemoveEmptyEntries))),
    ];

    /// <summary>Writes a table for each class.</summary>
    /// <param name="page">Where to.</param>
    /// <param name="find">Finds a test by its name; null for the id of a case.</param>
    public static void Write(StringBuilder page, Func<string, TaggedTest?> find)
    {
        page.Append("\n## Classes of bugs\n\n");
        page.Append("Each class of bugs that virtio devices have had, taken to each device and to what the guest can say there. ");
        page.Append("Ids are those of the cases above. ");
        page.Append("\"Every device\" is what all of them share, rings and registers; most of it is done on every queue of every device.\n");
        foreach ((string id, string statement) in All)
        {
            page.Append($"\n### {id}: {statement}\n\n");
            Page.Row(page, "device", "what", "tests");
            Page.Row(page, "---", "---", "---");
            foreach (BugClassRow row in Rows.Where(row => row.Class == id))
                Page.Row(page, row.Device, row.What, string.Join("<br>", Links(row.Tests, find)));
        }
    }

    /// <summary>Ids in one line, and then a line for each test.</summary>
    private static IEnumerable<string> Links(string[] tests, Func<string, TaggedTest?> find)
    {
        string[] cases = [.. tests.Where(name => find(name) is null)];
        if (cases.Length > 0) yield return string.Join(", ", cases);
        foreach (string name in tests)
        {
            if (find(name) is { } test) yield return Page.Links([test]);
        }
    }
}
