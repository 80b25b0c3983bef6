using Squib.Virtio.Memory;

namespace Squib.Virtio.Queues;

/// <summary>One of the three areas of a ring, resolved to host memory once.</summary>
internal readonly struct RingArea
{
    private readonly GuestRegion region;
    private readonly int offset;
    private readonly int length;

    private RingArea(GuestRegion region, int offset, int length)
    {
        this.region = region;
        this.offset = offset;
        this.length = length;
    }

    internal Span<byte> Span => region.Slice(offset, length);

    /// <summary>Resolves an area; all of it must be aligned and lie in one region.</summary>
    internal static bool TryResolve(GuestMemory memory, ulong address, int length, int alignment, bool writable, out RingArea area)
    {
        area = default;
        if (address % (ulong)alignment != 0 || memory.Find(address) is not { } region) return false;
        ulong offset = address - region.Start;
        if ((ulong)length > (ulong)region.Length - offset || (writable && region.ReadOnly)) return false;
        area = new(region, (int)offset, length);
        return true;
    }
}
