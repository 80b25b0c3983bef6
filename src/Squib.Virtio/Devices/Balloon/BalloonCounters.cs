namespace Squib.Virtio.Devices.Balloon;

/// <summary>What a balloon has done so far.</summary>
/// <param name="InflatedPages">Pages of 4096 bytes that drivers gave up.</param>
/// <param name="DeflatedPages">Pages that drivers took back.</param>
/// <param name="ReportedBytes">Free memory that drivers reported.</param>
/// <param name="HintedBytes">Free memory that drivers hinted at.</param>
/// <param name="DiscardedBytes">Memory that the host got back.</param>
/// <param name="DiscardFailures">Ranges that the host did not get back.</param>
/// <param name="InvalidPages">
/// Page numbers and ranges outside the guest's memory, or beyond what one buffer may hold.
/// </param>
public readonly record struct BalloonCounters(
    long InflatedPages,
    long DeflatedPages,
    long ReportedBytes,
    long HintedBytes,
    long DiscardedBytes,
    long DiscardFailures,
    long InvalidPages);
