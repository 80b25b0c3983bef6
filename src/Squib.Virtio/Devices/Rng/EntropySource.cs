namespace Squib.Virtio.Devices.Rng;

/// <summary>Where random bytes come from.</summary>
/// <param name="destination">
/// What to fill, all of it. An exception means that there are no random bytes to be had.
/// </param>
public delegate void EntropySource(Span<byte> destination);
