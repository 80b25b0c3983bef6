using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Runtime.CompilerServices;
using System.Security;
using System.Text.RegularExpressions;
using Squib.Virtio.Memory;
using Xunit;
using static Squib.Virtio.Tests.Repository;

namespace Squib.Virtio.Tests;

/// <summary>The rules of STYLE.md that a program can check.</summary>
public sealed partial class HouseRules
{
    private const int MostLines = 600;
    private const int MostColumns = 150;

    private static readonly string[] ForbiddenSuffixes =
        ["Manager", "Helper", "Helpers", "Util", "Utils", "Common", "Base", "Impl", "Info", "Data", "Context", "Handler", "Service"];

    private static readonly Assembly Library = typeof(GuestMemory).Assembly;

    [Fact]
    public void The_library_is_verifiable_code()
    {
        Assert.Empty(Library.ManifestModule.GetCustomAttributes<UnverifiableCodeAttribute>());
        Assert.Empty(Library.GetCustomAttributes<SkipLocalsInitAttribute>());
    }

    [Fact]
    public void The_library_calls_no_native_code()
    {
        using FileStream file = File.OpenRead(Library.Location);
        using PEReader image = new(file);
        MetadataReader metadata = image.GetMetadataReader();
        Assert.Equal(0, metadata.GetTableRowCount(TableIndex.ImplMap));
        Assert.Equal(0, metadata.GetTableRowCount(TableIndex.ModuleRef));
    }

    [Fact]
    public void The_library_depends_on_nothing_but_the_platform_and_logging_abstractions()
    {
        string[] others = [.. Library.GetReferencedAssemblies().Select(name => name.Name!)
            .Where(name => !name.StartsWith("System.", StringComparison.Ordinal))];
        Assert.Equal(["Microsoft.Extensions.Logging.Abstractions"], others);
    }

    [Fact]
    public void No_type_has_a_name_that_says_nothing()
    {
        IEnumerable<string> bad = Sources("src").SelectMany(file => DeclaredTypes(file).Select(type => (file, type)))
            .Where(t => ForbiddenSuffixes.Any(suffix => t.type.EndsWith(suffix, StringComparison.Ordinal)))
            .Select(t => $"{t.file}: {t.type}");
        Assert.Empty(bad);
    }

    [Fact]
    public void Every_file_declares_one_public_type_and_is_named_after_it()
    {
        List<string> bad = [];
        foreach (string file in Sources("src"))
        {
            string[] types = [.. PublicType().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value).Distinct()];
            if (types.Length > 1) bad.Add($"{file}: {string.Join(", ", types)}");
            else if (types.Length == 1 && Path.GetFileName(file).Split('.')[0] != types[0]) bad.Add($"{file}: {types[0]}");
        }

        Assert.Empty(bad);
    }

    [Fact]
    public void Every_class_of_the_library_is_sealed()
    {
        IEnumerable<Type> open = Library.GetTypes()
            .Where(type => type is { IsClass: true, IsSealed: false, IsAbstract: false } && !type.IsDefined(typeof(CompilerGeneratedAttribute)));
        Assert.Empty(open);
    }

    [Fact]
    public void No_file_is_too_long()
    {
        IEnumerable<string> bad = Sources("src", "tests", "bench", "fuzz", "samples")
            .Select(file => (file, lines: File.ReadLines(file).Count())).Where(f => f.lines > MostLines)
            .Select(f => $"{f.file}: {f.lines} lines");
        Assert.Empty(bad);
    }

    [Fact]
    public void No_line_is_too_long()
    {
        List<string> bad = [];
        foreach (string file in Sources("src", "tests", "bench", "fuzz", "samples"))
        {
            int number = 0;
            foreach (string line in File.ReadLines(file))
            {
                number++;
                if (line.Length > MostColumns) bad.Add($"{file}:{number}: {line.Length} columns");
            }
        }

        Assert.True(bad.Count == 0, $"{bad.Count} lines are longer than {MostColumns} columns:\n{string.Join('\n', bad.Take(50))}");
    }

    [Fact]
    public void Nothing_is_left_to_do()
    {
        IEnumerable<string> bad = Sources("src", "bench", "fuzz", "samples", "tests").Where(file => LeftToDo().IsMatch(File.ReadAllText(file)));
        Assert.Empty(bad);
    }

    [Fact]
    public void Tests_do_not_sleep()
    {
        IEnumerable<string> bad = Sources("tests")
            .Where(file => Path.GetFileName(file) != "HouseRules.cs" && Sleep().IsMatch(File.ReadAllText(file)));
        Assert.Empty(bad);
    }

    [Fact]
    public void Unsafe_code_stays_where_it_is_allowed_and_says_why()
    {
        string[] allowed = [Path.Combine("src", "Squib.Machine", "Cpu"), Path.Combine("src", "Squib.Virtio.Host")];
        List<string> bad = [];
        foreach (string file in Sources("src"))
        {
            string text = File.ReadAllText(file);
            if (!UnsafeKeyword().IsMatch(text)) continue;
            if (!allowed.Any(folder => file.StartsWith(folder, StringComparison.Ordinal))) bad.Add($"{file}: not here");
            else if (!text.Contains("// SAFETY:", StringComparison.Ordinal)) bad.Add($"{file}: no reason");
        }

        Assert.Empty(bad);
    }

    [Fact]
    public void No_log_event_has_the_id_of_another()
    {
        List<(string Id, string File)> ids = [];
        foreach (string file in Sources("src"))
            ids.AddRange(LogEvent().Matches(File.ReadAllText(file)).Select(match => (match.Groups[1].Value, file)));
        Assert.NotEmpty(ids);
        // An id is one event of one assembly.
        Assert.Empty(ids.GroupBy(e => (e.Id, e.File.Split(Path.DirectorySeparatorChar)[1])).Where(g => g.Count() > 1).Select(g => g.Key));
    }

    [Fact]
    public void The_changelog_has_the_shape_of_Keep_a_Changelog()
    {
        string path = Path.Combine(Root, "CHANGELOG.md");
        Assert.SkipUnless(File.Exists(path), "There is no changelog yet.");
        string[] lines = File.ReadAllLines(path);
        Assert.Equal("# Changelog", lines[0]);
        string[] versions = [.. lines.Where(line => line.StartsWith("## ", StringComparison.Ordinal))];
        Assert.Equal("## [Unreleased]", versions[0]);
        Assert.All(versions.Skip(1), version => Assert.Matches(@"^## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$", version));
        string[] kinds = ["### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"];
        Assert.All(lines.Where(line => line.StartsWith("###", StringComparison.Ordinal)), kind => Assert.Contains(kind, kinds));
    }

    private static IEnumerable<string> DeclaredTypes(string file) =>
        AnyType().Matches(File.ReadAllText(Path.Combine(Root, file))).Select(match => match.Groups[1].Value);

    [GeneratedRegex(
        @"^public (?:(?:static|sealed|abstract|readonly|partial|unsafe|ref) )*"
        + @"(?:class|struct|record struct|record|interface|enum|delegate \w+) (\w+)",
        RegexOptions.Multiline)]
    private static partial Regex PublicType();

    [GeneratedRegex(
        @"^\s*(?:(?:public|internal|private|protected|file|static|sealed|abstract|readonly|partial|unsafe|ref) )+"
        + @"(?:class|struct|record struct|record|interface|enum) (\w+)",
        RegexOptions.Multiline)]
    private static partial Regex AnyType();

    [GeneratedRegex(@"\b(?:[T]ODO|[F]IXME|[H]ACK|[X]XX)\b|[N]otImplementedException")]
    private static partial Regex LeftToDo();

    [GeneratedRegex(@"\bThread\.Sleep\(|\bTask\.Delay\(")]
    private static partial Regex Sleep();

    [GeneratedRegex(@"^\s*(?:\w+ )*unsafe\b", RegexOptions.Multiline)]
    private static partial Regex UnsafeKeyword();

    [GeneratedRegex(@"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)")]
    private static partial Regex LogEvent();
}
