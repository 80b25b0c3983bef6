using System.Numerics;

namespace Squib.Virtio.Devices.Balloon;

/// <summary>A set of pages: one bit each, in chunks that exist where a page is or was in the set.</summary>
internal sealed class PageSet
{
    private const int ChunkBits = 15;
    private const ulong ChunkPages = 1UL << ChunkBits;

    private readonly SortedDictionary<ulong, ulong[]> chunks = [];

    /// <summary>The number of pages.</summary>
    internal long Count { get; private set; }

    internal bool Contains(ulong page) =>
        chunks.TryGetValue(page >> ChunkBits, out ulong[]? words) && (words[Word(page)] >> (int)(page & 63) & 1) != 0;

    internal bool ContainsAll(in PageRange range)
    {
        for (ulong page = range.First; page < range.End; page++)
        {
            if (!Contains(page)) return false;
        }

        return true;
    }

    /// <summary>Adds pages.</summary>
    /// <returns>How many were not in the set before.</returns>
    internal long Add(in PageRange range) => Change(range, adds: true);

    /// <summary>Removes pages.</summary>
    /// <returns>How many were in the set.</returns>
    internal long Remove(in PageRange range) => -Change(range, adds: false);

    internal void Clear()
    {
        chunks.Clear();
        Count = 0;
    }

    /// <summary>The pages in order, as few ranges as they are.</summary>
    internal List<PageRange> ToRanges()
    {
        List<PageRange> ranges = [];
        foreach ((ulong chunk, ulong[] words) in chunks)
        {
            for (int i = 0; i < words.Length; i++)
            {
                ulong first = (chunk << ChunkBits) + ((ulong)i * 64);
                for (ulong left = words[i]; left != 0;)
                {
                    int from = BitOperations.TrailingZeroCount(left);
                    int count = BitOperations.TrailingZeroCount(~(left >> from));
                    left = from + count == 64 ? 0 : left & (ulong.MaxValue << (from + count));
                    Append(ranges, new(first + (ulong)from, (ulong)count));
                }
            }
        }

        return ranges;
    }

    private static void Append(List<PageRange> ranges, in PageRange next)
    {
        if (ranges.Count > 0 && ranges[^1].End == next.First)
            ranges[^1] = ranges[^1] with { Count = ranges[^1].Count + next.Count };
        else
            ranges.Add(next);
    }

    private static int Word(ulong page) => (int)((page & (ChunkPages - 1)) >> 6);

    private long Change(in PageRange range, bool adds)
    {
        long before = Count;
        for (ulong page = range.First; page < range.End;)
        {
            ulong inWord = Math.Min(64 - (page & 63), range.End - page);
            ulong mask = (inWord == 64 ? ulong.MaxValue : (1UL << (int)inWord) - 1) << (int)(page & 63);
            if (FindChunk(page, adds) is { } words)
            {
                ref ulong word = ref words[Word(page)];
                ulong now = adds ? word | mask : word & ~mask;
                Count += BitOperations.PopCount(now) - BitOperations.PopCount(word);
                word = now;
            }

            page += inWord;
        }

        return Count - before;
    }

    private ulong[]? FindChunk(ulong page, bool create)
    {
        ulong key = page >> ChunkBits;
        if (!chunks.TryGetValue(key, out ulong[]? words) && create) chunks[key] = words = new ulong[ChunkPages / 64];
        return words;
    }
}
