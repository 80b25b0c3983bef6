namespace Squib.Virtio.Devices.Mem;

/// <summary>What makes memory of a memory device usable, and unusable again.</summary>
/// <remarks>
/// A call is for one range of any number of blocks. Where it fails, by false or an exception, the device calls the
/// other method for the same range, so that what was done in part is undone: both methods accept ranges that are
/// wholly or partly in their state already. What unplugging discards cannot be brought back, so it is discarded when
/// nothing can fail any more.
/// </remarks>
public interface IMemBackend
{
    /// <summary>Makes a range usable; its content is zero.</summary>
    /// <param name="offset">
    /// The distance of the first byte from the start of the region, a multiple of the block size.
    /// </param>
    /// <param name="length">The number of bytes, a multiple of the block size.</param>
    /// <returns>Whether it was done; if not, the driver is told to try again later.</returns>
    bool TryPlug(long offset, long length);

    /// <summary>Makes a range unusable and gives it back to the host.</summary>
    /// <param name="offset">
    /// The distance of the first byte from the start of the region, a multiple of the block size.
    /// </param>
    /// <param name="length">The number of bytes, a multiple of the block size.</param>
    /// <returns>Whether it was done; if not, the driver is told to try again later.</returns>
    bool TryUnplug(long offset, long length);
}
