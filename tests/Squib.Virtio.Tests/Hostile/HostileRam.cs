using System.Collections.Concurrent;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>A region of guest memory between guards that counts look-ups, with a copy of it for comparison.</summary>
internal sealed class HostileRam : IDisposable
{
    // Thousands of runs would spend their time on fresh memory.
    private static readonly ConcurrentDictionary<int, ConcurrentBag<(WatchedMemory Memory, byte[] Copy)>> Pool = new();

    private readonly byte[] copy;

    public HostileRam(ulong start, int length, bool readOnly = false)
    {
        Start = start;
        if (!Pool.GetOrAdd(length, _ => []).TryTake(out (WatchedMemory Memory, byte[] Copy) used))
            used = (new(length), new byte[length]);
        (Watched, copy) = used;
        Watched.Bytes.Clear();
        Region = new(start, Watched.Memory, readOnly);
    }

    public ulong Start { get; }

    public GuestRegion Region { get; }

    public WatchedMemory Watched { get; }

    public Span<byte> Bytes => Watched.Bytes;

    public Span<byte> At(ulong address, int length) => Bytes.Slice((int)(address - Start), length);

    public void Remember() => Bytes.CopyTo(copy);

    /// <summary>The address of the first byte that changed outside of some ranges, or null.</summary>
    public ulong? FindChange(IEnumerable<(ulong Address, ulong Length)> allowed)
    {
        int from = 0;
        int length = copy.Length;
        foreach ((ulong address, ulong bytes) in allowed.OrderBy(range => range.Address))
        {
            int first = (int)Math.Clamp((long)(address - Start), 0, length);
            int end = (int)Math.Clamp((long)(address + bytes - Start), 0, length);
            if (Compare(from, first) is { } changed) return changed;
            from = Math.Max(from, end);
        }

        return Compare(from, length);
    }

    public void Dispose()
    {
        Watched.LookedUp = null;
        Pool[copy.Length].Add((Watched, copy));
    }

    private ulong? Compare(int from, int to)
    {
        if (to <= from) return null;
        int same = Bytes[from..to].CommonPrefixLength(copy.AsSpan(from, to - from));
        return same == to - from ? null : Start + (ulong)(from + same);
    }
}
