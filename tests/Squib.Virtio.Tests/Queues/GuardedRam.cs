using System.Collections.Concurrent;
using Squib.Virtio.Memory;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Host memory of one region between guard bytes, with a copy of it for comparison.</summary>
internal sealed class GuardedRam : IDisposable
{
    private const int Guard = 4096;
    private const byte Canary = 0xc7;

    // Zeroing and paging in 16 MiB for each of a thousand tests would be most of their time.
    private static readonly ConcurrentDictionary<int, ConcurrentBag<(byte[] Host, byte[] Copy)>> Pool = new();

    private readonly byte[] host;
    private readonly byte[] copy;
    private readonly int length;

    public GuardedRam(ulong start, int length, bool readOnly = false)
    {
        this.length = length;
        Start = start;
        if (!Pool.GetOrAdd(length, _ => []).TryTake(out (byte[] Host, byte[] Copy) used))
            used = (new byte[Guard + length + Guard], new byte[length]);
        (host, copy) = used;
        Bytes.Clear();
        host.AsSpan(0, Guard).Fill(Canary);
        host.AsSpan(Guard + length).Fill(Canary);
        Region = new(start, host.AsMemory(Guard, length), readOnly);
    }

    public ulong Start { get; }

    public GuestRegion Region { get; }

    public Span<byte> Bytes => host.AsSpan(Guard, length);

    public bool GuardsAreIntact =>
        !host.AsSpan(0, Guard).ContainsAnyExcept(Canary) && !host.AsSpan(Guard + length).ContainsAnyExcept(Canary);

    public void Remember() => Bytes.CopyTo(copy);

    /// <summary>The address of the first byte that changed outside of some ranges, or null.</summary>
    public ulong? FindChange(IEnumerable<(ulong Address, ulong Length)> allowed)
    {
        int from = 0;
        foreach ((ulong address, ulong bytes) in allowed.OrderBy(range => range.Address))
        {
            // A range may begin before this region or end behind it.
            long first = Math.Clamp((long)(address - Start), 0, length);
            long end = Math.Clamp((long)(address + bytes - Start), 0, length);
            if (Compare(from, (int)first) is { } changed) return changed;
            from = Math.Max(from, (int)end);
        }

        return Compare(from, length);
    }

    public void Dispose() => Pool[length].Add((host, copy));

    private ulong? Compare(int from, int to)
    {
        if (to <= from) return null;
        int same = Bytes[from..to].CommonPrefixLength(copy.AsSpan(from, to - from));
        return same == to - from ? null : Start + (ulong)(from + same);
    }
}
