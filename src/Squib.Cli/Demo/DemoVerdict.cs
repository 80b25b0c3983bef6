namespace Squib.Cli.Demo;

/// <summary>Turns what the guest reported, and what the host finds on the disks afterwards, into the rows of the table.</summary>
/// <param name="results">The guest's results.</param>
internal sealed class DemoVerdict(IReadOnlyList<SelfTestLine> results)
{
    /// <summary>What a modern driver takes wherever it is offered, and our transport offers always.</summary>
    private static readonly string[] ExpectedFeatures = ["VERSION_1", "EVENT_IDX", "INDIRECT_DESC"];

    /// <summary>The row of a device of which there is one.</summary>
    /// <param name="device">The guest's name for it.</param>
    public DemoRow Judge(string device) => Judge(device, "", _ => null);

    /// <summary>The row of the scratch disk.</summary>
    /// <param name="serial">Its serial number.</param>
    /// <param name="image">Its image.</param>
    public DemoRow JudgeScratch(string serial, string image) => Judge("block", $"serial={serial} ", _ =>
        DemoDisk.FindWrongSector(image) is { } sector
            ? (false, $"the host finds something else in sector {sector}")
            : (true, "the host finds it in the image"));

    /// <summary>The row of the read-only disk.</summary>
    /// <param name="serial">Its serial number.</param>
    /// <param name="sum">The sum of what the guest should have read.</param>
    public DemoRow JudgeReadOnly(string serial, string sum) => Judge("block", $"serial={serial} ", result =>
        result.Detail.Contains(sum, StringComparison.Ordinal)
            ? (true, "the sum is the host's")
            : (false, $"the host's sum is {sum}"));

    private DemoRow Judge(string device, string mark, Func<SelfTestLine, (bool Ok, string Finding)?> look)
    {
        SelfTestLine? result = results.FirstOrDefault(line =>
            line.Device == device && line.Detail.Contains(mark, StringComparison.Ordinal));
        if (result is null) return new(device, $"{mark}no result from the guest", [], false);
        string[] missing = [.. ExpectedFeatures.Except(result.Features)];
        if (missing.Length > 0)
            return new(device, $"{result.Detail}; not negotiated: {string.Join(' ', missing)}", result.Features, false);
        (bool ok, string finding) = look(result) ?? (true, "");
        string did = finding.Length > 0 ? $"{result.Detail}; {finding}" : result.Detail;
        return new(device, did, result.Features, ok && result.Outcome == "ok");
    }
}
