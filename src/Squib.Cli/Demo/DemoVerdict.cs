using Squib.Virtio.Transport;

namespace Squib.Cli.Demo;

/// <summary>
/// Turns what the guest reported, and what the host finds on the disks afterwards, into the rows of the table.
/// </summary>
/// <param name="results">The guest's results.</param>
/// <param name="transport">What the transports offered.</param>
internal sealed class DemoVerdict(IReadOnlyList<SelfTestLine> results, TransportOptions transport)
{
    // Of what the balloon takes some are pages that the host had never given: they hold no memory to return.
    private const long LeastReturnedBytes = 16 << 20;

    /// <summary>The row of a device of which there is one.</summary>
    /// <param name="device">The guest's name for it.</param>
    public DemoRow Judge(string device) => Judge(device, "", _ => null);

    /// <summary>The row of the scratch disk.</summary>
    /// <param name="serial">Its serial number.</param>
    /// <param name="image">Its image.</param>
    /// <param name="sector">Where the guest wrote.</param>
    public DemoRow JudgeScratch(string serial, string image, long sector) =>
        Judge("block", $"serial={serial} ", _ => LookAt(image, sector));

    /// <summary>The row of persistent memory.</summary>
    /// <param name="file">Its file.</param>
    /// <param name="sector">Where the guest wrote.</param>
    /// <param name="again">The results of a second boot, in which the guest only read.</param>
    public DemoRow JudgePmem(string file, long sector, IReadOnlyList<SelfTestLine> again) => Judge("pmem", "", first =>
    {
        (bool ok, string finding) = LookAt(file, sector);
        string sum = SumIn(first.Detail);
        string? second = again.FirstOrDefault(line => (line.Device, line.Outcome) == ("pmem", "ok"))?.Detail;
        if (second is null) return (false, $"{finding}; the second boot did not read it");
        return SumIn(second) == sum && sum.Length > 0
            ? (ok, $"{finding}; the guest of a second boot reads the same sum")
            : (false, $"{finding}; the guest of a second boot reads another sum, {SumIn(second)}");
    });

    /// <summary>The row of the socket device.</summary>
    /// <param name="transfer">What the host found.</param>
    /// <param name="sum">The sum of what the host sent.</param>
    public DemoRow JudgeSockets((bool Ok, string Finding) transfer, string sum) => Judge("vsock", "", result =>
        result.Detail.Contains(sum, StringComparison.Ordinal)
            ? transfer
            : (false, $"{transfer.Finding}; the host's sum is {sum}"));

    /// <summary>The row of the network card.</summary>
    /// <param name="sum">The sum of what the guest should have fetched.</param>
    /// <param name="label">What the card is connected to.</param>
    public DemoRow JudgeDownload(string sum, string label) => Judge("net", "", result =>
        result.Detail.Contains(sum, StringComparison.Ordinal)
            ? (true, $"the sum is the host's, {label}")
            : (false, $"the host's sum is {sum}, {label}"));

    /// <summary>The row of the balloon.</summary>
    /// <param name="before">The resident memory of this process while the guest used its memory, in bytes.</param>
    /// <param name="inflated">The same while it was inflated.</param>
    public DemoRow JudgeBalloon(long before, long inflated) => Judge("balloon", "", _ =>
    (
        before - inflated >= LeastReturnedBytes,
        $"squib's resident memory {before >> 20} MiB with that in use, {inflated >> 20} MiB with it in the balloon"));

    /// <summary>The row of the boot timer, which no driver drives: the guest reads its register.</summary>
    public DemoRow JudgeTimer()
    {
        SelfTestLine? result = results.FirstOrDefault(line => line.Device == "boot-timer");
        return result is null
            ? new("boot-timer", "no result from the guest; its lines above end where it stopped", [], false)
            : new("boot-timer", result.Detail, [], result.Outcome == "ok");
    }

    /// <summary>The row of the read-only disk.</summary>
    /// <param name="serial">Its serial number.</param>
    /// <param name="sum">The sum of what the guest should have read.</param>
    public DemoRow JudgeReadOnly(string serial, string sum) => Judge("block", $"serial={serial} ", result =>
        result.Detail.Contains(sum, StringComparison.Ordinal)
            ? (true, "the sum is the host's")
            : (false, $"the host's sum is {sum}"));

    /// <summary>The sum that a guest tells, or nothing.</summary>
    private static string SumIn(string detail)
    {
        const string Mark = "(SHA-256 ";
        int at = detail.IndexOf(Mark, StringComparison.Ordinal);
        return at < 0 ? "" : detail[(at + Mark.Length)..].Split(')')[0];
    }

    private static (bool Ok, string Finding) LookAt(string image, long sector) =>
        DemoDisk.FindWrongSector(image, sector) is { } wrong
            ? (false, $"the host finds something else in sector {wrong}")
            : (true, "the host finds it in the image");

    /// <summary>What Linux takes wherever it is offered; of IN_ORDER, NOTIFICATION_DATA and RING_RESET it knows nothing here.</summary>
    private IEnumerable<string> Expected()
    {
        yield return "VERSION_1";
        if (transport.EventIndex) yield return "EVENT_IDX";
        if (transport.IndirectDescriptors) yield return "INDIRECT_DESC";
        if (transport.RingPacked) yield return "RING_PACKED";
    }

    private DemoRow Judge(string device, string mark, Func<SelfTestLine, (bool Ok, string Finding)?> look)
    {
        SelfTestLine? result = results.FirstOrDefault(line =>
            line.Device == device && line.Detail.Contains(mark, StringComparison.Ordinal));
        if (result is null) return new(device, $"{mark}no result from the guest; its lines above end where it stopped", [], false);
        // Linux' balloon driver never takes INDIRECT_DESC, whoever offers it.
        string[] missing = [.. Expected().Except(result.Features).Where(name => (device, name) != ("balloon", "INDIRECT_DESC"))];
        if (missing.Length > 0)
            return new(device, $"{result.Detail}; not negotiated: {string.Join(' ', missing)}", result.Features, false);
        (bool ok, string finding) = look(result) ?? (true, "");
        string did = finding.Length > 0 ? $"{result.Detail}; {finding}" : result.Detail;
        return new(device, did, result.Features, ok && result.Outcome == "ok");
    }
}
