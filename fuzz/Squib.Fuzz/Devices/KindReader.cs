namespace Squib.Fuzz.Devices;

/// <summary>Tells which kind of request the readable bytes of a buffer are.</summary>
/// <param name="queue">The queue of the buffer.</param>
/// <param name="readable">The bytes.</param>
internal delegate int KindReader(int queue, ReadOnlySpan<byte> readable);
