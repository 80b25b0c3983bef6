namespace Squib.Virtio.Devices.Pmem;

/// <summary>What persistent memory was asked for so far.</summary>
/// <param name="Requests">Requests of drivers for a flush.</param>
/// <param name="Flushes">Flushes of the backend; one serves all requests that came before it began.</param>
/// <param name="Failures">Flushes that failed.</param>
/// <param name="Unknown">Requests of another type.</param>
/// <param name="Malformed">Requests that could not be answered.</param>
public readonly record struct PmemCounters(long Requests, long Flushes, long Failures, long Unknown, long Malformed);
