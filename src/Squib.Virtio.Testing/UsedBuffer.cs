namespace Squib.Virtio.Testing;

/// <summary>A buffer that the device has used.</summary>
/// <param name="Id">The id that <see cref="DriverQueue.Add(ReadOnlySpan{DriverSegment}, bool)"/> gave.</param>
/// <param name="Length">The number of bytes that the device says it has written.</param>
/// <param name="Segments">The elements of the buffer.</param>
public sealed record UsedBuffer(ushort Id, uint Length, DriverSegment[] Segments)
{
    /// <summary>The bytes that the device has written, as many as it says.</summary>
    public byte[] Written { get; init; } = [];
}
