using Squib.Virtio.Devices.Balloon;

namespace Squib.Virtio.Tests.Devices;

/// <summary>An owner of memory that writes down what is discarded, and zeroes it.</summary>
internal sealed class SpyReclaimer(byte[] bytes, int pageBytes = 4096) : IMemoryReclaimer
{
    public List<(long Offset, long Length)> Discarded { get; } = [];

    public Func<bool> Answer { get; set; } = () => true;

    public long Length => bytes.Length;

    public int PageBytes => pageBytes;

    public bool TryDiscard(long offset, long length)
    {
        if (offset % pageBytes != 0 || length % pageBytes != 0) throw new ArgumentException("Not whole pages.");
        if (!Answer()) return false;
        bytes.AsSpan((int)offset, (int)length).Clear();
        lock (Discarded) Discarded.Add((offset, length));
        return true;
    }
}
