using System.Reflection;
using System.Text.RegularExpressions;
using Squib.Virtio.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>The page about the threat model names tests and reasons that there are.</summary>
public sealed partial class ThreatModelTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(FindRoot(), "docs", "threat-model.md"));

    [Fact]
    public void Every_test_that_the_page_names_is_there()
    {
        HashSet<string> tests = [.. typeof(ThreatModelTests).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance))
            .Where(method => method.GetCustomAttributes<FactAttribute>().Any())
            .Select(method => method.Name)];
        string[] named = [.. TestName().Matches(Page).Select(match => match.Groups[1].Value)];
        Assert.InRange(named.Length, 20, 100);
        Assert.All(named, name => Assert.Contains(name, tests));
    }

    [Fact]
    public void Every_reason_has_its_fate()
    {
        foreach (ChainFault fault in Enum.GetValues<ChainFault>().Where(f => f != ChainFault.None))
            Assert.Contains($"`{fault}`", Page, StringComparison.Ordinal);
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Squib.slnx"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The sources are not above the test.");
    }

    [GeneratedRegex(@"`([A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+){2,})`")]
    private static partial Regex TestName();
}
