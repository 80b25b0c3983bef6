namespace Squib.Virtio.Devices.Balloon;

/// <summary>The owner of memory that is lent to a guest: it takes pages back that the guest does not use.</summary>
/// <remarks>Any thread may call its members.</remarks>
public interface IMemoryReclaimer
{
    /// <summary>The length of the memory in bytes.</summary>
    long Length { get; }

    /// <summary>The size in bytes of what can be taken back, a power of two from 4096 on.</summary>
    int PageBytes { get; }

    /// <summary>
    /// Takes the pages of a range back; they read as zero afterwards, and may be used again at any time.
    /// </summary>
    /// <param name="offset">The first byte, a multiple of <see cref="PageBytes"/>.</param>
    /// <param name="length">The number of bytes, a multiple of <see cref="PageBytes"/>.</param>
    /// <returns>Whether the host has them; if not, the bytes are zero all the same, or unchanged.</returns>
    bool TryDiscard(long offset, long length);
}
