namespace Squib.Virtio.Devices.Vsock;

/// <summary>What a socket device has done since it was made.</summary>
/// <param name="Connections">The number of connections now: those of which one side at least is not done.</param>
/// <param name="Opened">The number of connections made.</param>
/// <param name="Refused">
/// The number of packets answered with a reset that belonged to no connection, and of requests that the host's side refused.
/// </param>
/// <param name="Violations">The number of connections reset because the guest broke the rules, by sending beyond its credit for one.</param>
/// <param name="TimedOut">The number of connections reset because the guest or the host did not answer in time.</param>
/// <param name="PacketsFromGuest">The number of packets taken, whatever became of them.</param>
/// <param name="PacketsToGuest">The number of packets given.</param>
/// <param name="BytesFromGuest">The number of payload bytes taken.</param>
/// <param name="BytesToGuest">The number of payload bytes given.</param>
/// <param name="Malformed">The number of chains without a whole header, which were dropped.</param>
/// <param name="Foreign">The number of packets whose source is not the guest, which were dropped.</param>
/// <param name="Ignored">The number of packets, or of claims about credit, that made no sense and changed nothing.</param>
/// <param name="ShortBuffers">The number of receive buffers too short for a packet, which were returned empty.</param>
public readonly record struct VsockCounters(
    int Connections,
    long Opened,
    long Refused,
    long Violations,
    long TimedOut,
    long PacketsFromGuest,
    long PacketsToGuest,
    long BytesFromGuest,
    long BytesToGuest,
    long Malformed,
    long Foreign,
    long Ignored,
    long ShortBuffers);
