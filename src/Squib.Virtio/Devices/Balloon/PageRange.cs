namespace Squib.Virtio.Devices.Balloon;

/// <summary>Guest memory in pages of 4096 bytes.</summary>
/// <param name="First">The number of the first page: its guest-physical address divided by 4096.</param>
/// <param name="Count">The number of pages.</param>
public readonly record struct PageRange(ulong First, ulong Count)
{
    /// <summary>The size of a page in bytes, whatever it is on the host and in the guest (virtio 1.2, 5.5.6).</summary>
    public const int PageBytes = 4096;

    /// <summary>The number of the page after the last.</summary>
    internal ulong End => First + Count;

    /// <summary>The whole pages inside a range of bytes.</summary>
    internal static PageRange Inside(ulong address, ulong length)
    {
        ulong skipped = (PageBytes - (address % PageBytes)) % PageBytes;
        return length < skipped ? default : new((address + skipped) / PageBytes, (length - skipped) / PageBytes);
    }
}
