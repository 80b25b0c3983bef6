namespace Squib.Virtio.Devices.Mem;

/// <summary>What a memory device was asked for so far.</summary>
/// <param name="Plugs">Requests that plugged blocks.</param>
/// <param name="Unplugs">Requests that unplugged blocks, all of them or some.</param>
/// <param name="States">Requests for the state of blocks that were answered.</param>
/// <param name="Refused">Requests for more than was requested of the driver.</param>
/// <param name="Busy">Requests that the backend could not do.</param>
/// <param name="Errors">Requests that made no sense.</param>
/// <param name="Malformed">Requests that could not be answered.</param>
public readonly record struct MemCounters(
    long Plugs,
    long Unplugs,
    long States,
    long Refused,
    long Busy,
    long Errors,
    long Malformed);
