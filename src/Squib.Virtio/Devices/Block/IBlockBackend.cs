using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Block;

/// <summary>Where the bytes of a disk are kept.</summary>
/// <remarks>
/// <para>
/// A method that is done when it returns gives a completed <see cref="ValueTask{TResult}"/>: the device answers the
/// driver at once, without allocation. One that is not done gives any other, and requests are answered in the order in
/// which they complete. Queues call at the same time, and a queue calls again before earlier requests are done.
/// </para>
/// <para>
/// The device checks requests: ranges lie within the capacity, and are whole sectors. An exception counts as
/// <see cref="BlockStatus.IoError"/>; the device lives on. Whoever created a backend disposes of it.
/// </para>
/// </remarks>
public interface IBlockBackend : IAsyncDisposable
{
    /// <summary>The size in bytes, a multiple of 512.</summary>
    long Length { get; }

    /// <summary>Whether it cannot be written.</summary>
    bool ReadOnly { get; }

    /// <summary>Whether discarding, and zeroing with leave to unmap, can give storage back.</summary>
    bool CanUnmap { get; }

    /// <summary>Reads into the guest's memory.</summary>
    /// <param name="destination">
    /// What to fill and advance over, all of it; what is left unfilled of a success is an error.
    /// </param>
    /// <param name="offset">The offset in bytes.</param>
    /// <param name="reset">
    /// Fires when nobody wants the bytes any more; after it has completed, the method touches none.
    /// </param>
    ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset);

    /// <summary>Writes from the guest's memory; the bytes may stay in a cache until <see cref="FlushAsync"/>.</summary>
    /// <param name="source">
    /// The bytes to write and advance over, all of them; what is left unread of a success is an error. The guest may change them
    /// meanwhile.
    /// </param>
    /// <param name="offset">The offset in bytes.</param>
    /// <param name="reset">Fires when the driver has reset the device; a write may be completed or given up.</param>
    ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset);

    /// <summary>Commits all writes that have completed to storage that survives a power cut.</summary>
    /// <param name="reset">Fires when the driver has reset the device.</param>
    ValueTask<BlockStatus> FlushAsync(CancellationToken reset);

    /// <summary>
    /// Gives bytes up; what they read as does not matter any more. A backend that cannot does nothing.
    /// </summary>
    /// <param name="offset">The offset in bytes.</param>
    /// <param name="length">The number of bytes, not 0.</param>
    /// <param name="reset">Fires when the driver has reset the device.</param>
    ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset);

    /// <summary>Makes bytes read as zeros.</summary>
    /// <param name="offset">The offset in bytes.</param>
    /// <param name="length">The number of bytes, not 0.</param>
    /// <param name="mayUnmap">Whether their storage may be given back.</param>
    /// <param name="reset">Fires when the driver has reset the device.</param>
    ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset);
}
