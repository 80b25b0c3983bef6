namespace Squib.Virtio.Bus;

/// <summary>A device that answers reads and writes of a range of guest-physical addresses.</summary>
/// <remarks>
/// Whatever a guest does ends here, so neither method throws: an access that makes no sense reads as zero or is ignored.
/// Both may be called by several vCPU threads at once.
/// </remarks>
public interface IBusDevice
{
    /// <summary>Reads at an offset and fills all of the destination; what does not exist reads as zero.</summary>
    /// <param name="offset">The distance from the start of the device's range, in bytes.</param>
    /// <param name="data">The destination, little-endian; its length is the width of the access, 1 to 8 bytes.</param>
    void Read(ulong offset, Span<byte> data);

    /// <summary>Writes at an offset; what does not exist is ignored.</summary>
    /// <param name="offset">The distance from the start of the device's range, in bytes.</param>
    /// <param name="data">The value, little-endian; its length is the width of the access, 1 to 8 bytes.</param>
    void Write(ulong offset, ReadOnlySpan<byte> data);
}
