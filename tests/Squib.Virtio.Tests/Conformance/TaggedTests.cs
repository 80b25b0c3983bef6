using System.Text.RegularExpressions;

namespace Squib.Virtio.Tests.Conformance;

/// <summary>Finds the traits in the sources of all test projects, so that one project can speak for them all.</summary>
internal static partial class TaggedTests
{
    /// <summary>All of them, and each test that runs under its own name, in the order of the files.</summary>
    public static List<TaggedTest> Find()
    {
        List<TaggedTest> all = [];
        foreach (string file in Repository.Sources("tests")) Find(file, all);
        return all;
    }

    private static void Find(string file, List<TaggedTest> all)
    {
        List<(string Kind, string Id)> pending = [];
        bool isTest = false;
        bool isSkipped = false;
        foreach (string line in File.ReadLines(file))
        {
            if (Declaration().Match(line) is { Success: true } declaration)
            {
                bool runs = declaration.Groups[1].Success || (isTest && !isSkipped);
                string name = declaration.Groups[1].Success ? declaration.Groups[1].Value : declaration.Groups[2].Value;
                if (isTest && runs) pending.Add(("Test", name));
                foreach ((string kind, string id) in pending)
                    all.Add(new(kind, id, name, file.Replace(Path.DirectorySeparatorChar, '/'), runs));
                pending.Clear();
                (isTest, isSkipped) = (false, false);
                continue;
            }

            if (!Attribute().IsMatch(line)) continue;
            pending.AddRange(Trait().Matches(line).Select(trait => (trait.Groups[1].Value, trait.Groups[2].Value)));
            isTest |= Test().IsMatch(line);
            isSkipped |= Skipped().IsMatch(line);
        }
    }

    [GeneratedRegex(@"^ *(?:public|internal|private) (?:[\w<>?]+ )*(?:class (\w+)|(\w+)\()")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^ *\[")]
    private static partial Regex Attribute();

    [GeneratedRegex(@"\bTrait\(""(Row|Case)"", ""([^""]*)""\)")]
    private static partial Regex Trait();

    [GeneratedRegex(@"\[(?:\w+, )*(?:Fact|Theory)\b")]
    private static partial Regex Test();

    [GeneratedRegex(@"\b(?:Fact|Theory)\(.*\bSkip\w* =")]
    private static partial Regex Skipped();
}
