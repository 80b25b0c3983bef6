using Squib.Virtio.Memory;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Balloon;

/// <summary>The pages in the balloon, and the way of pages back to the host.</summary>
internal sealed class BalloonPages
{
    private readonly ReclaimableMemory[] owners;
    private readonly PageSet inflated = new();
    private readonly List<PageRange> merged = [];

    // Held while pages are discarded too: a host page that is larger than 4096 bytes goes when all of it is in the
    // balloon, and no part of it may come back meanwhile.
    private readonly Lock gate = new();
    private long inflatedPages;
    private long deflatedPages;
    private long reportedBytes;
    private long hintedBytes;
    private long discardedBytes;
    private long discardFailures;
    private long invalidPages;

    internal BalloonPages(IReadOnlyList<ReclaimableMemory> owners) => this.owners = [.. owners];

    /// <summary>Where an owner that fails is told of: the last session.</summary>
    internal DriverSession? Session { get; set; }

    /// <summary>The number of pages in the balloon.</summary>
    internal long Count
    {
        get
        {
            lock (gate) return inflated.Count;
        }
    }

    internal BalloonCounters Counters => new(
        Interlocked.Read(ref inflatedPages),
        Interlocked.Read(ref deflatedPages),
        Interlocked.Read(ref reportedBytes),
        Interlocked.Read(ref hintedBytes),
        Interlocked.Read(ref discardedBytes),
        Interlocked.Read(ref discardFailures),
        Interlocked.Read(ref invalidPages));

    /// <summary>Empties the balloon: a driver that begins anew has none of its pages there.</summary>
    internal void Clear()
    {
        lock (gate) inflated.Clear();
    }

    /// <summary>
    /// Puts pages into the balloon and gives them back to the host; pages that are there already stay.
    /// </summary>
    /// <param name="memory">The guest's memory; numbers outside it are counted and passed over.</param>
    /// <param name="numbers">The page numbers, which are sorted here.</param>
    internal void Inflate(GuestMemory memory, Span<uint> numbers)
    {
        lock (gate)
        {
            foreach (PageRange range in Merge(memory, numbers))
            {
                if (inflated.Add(range) is > 0 and var added)
                {
                    inflatedPages += added;
                    Discard(range, joins: true);
                }
            }
        }
    }

    /// <summary>Takes pages out of the balloon; pages that are not there change nothing.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="numbers">The page numbers, which are sorted here.</param>
    internal void Deflate(GuestMemory memory, Span<uint> numbers)
    {
        lock (gate)
        {
            foreach (PageRange range in Merge(memory, numbers)) deflatedPages += inflated.Remove(range);
        }
    }

    /// <summary>Gives memory back to the host that the guest does not use at the moment.</summary>
    /// <param name="range">The pages, all of them guest memory.</param>
    /// <param name="keep">Whether their content must stay, so that they are only counted.</param>
    internal void Report(in PageRange range, bool keep)
    {
        Interlocked.Add(ref reportedBytes, (long)range.Count * PageRange.PageBytes);
        if (keep) return;
        lock (gate) Discard(range, joins: false);
    }

    internal void CountHint(in PageRange range, bool discards)
    {
        Interlocked.Add(ref hintedBytes, (long)range.Count * PageRange.PageBytes);
        if (!discards) return;
        lock (gate) Discard(range, joins: false);
    }

    internal void CountInvalid(long pages) => Interlocked.Add(ref invalidPages, pages);

    private List<PageRange> Merge(GuestMemory memory, Span<uint> numbers)
    {
        numbers.Sort();
        List<PageRange> ranges = merged;
        ranges.Clear();
        foreach (uint number in numbers)
        {
            bool follows = ranges.Count > 0 && number < ranges[^1].End + 1;
            if (follows && number < ranges[^1].End) continue;
            bool isMemory = memory.Contains((ulong)number * PageRange.PageBytes, PageRange.PageBytes);
            if (!isMemory) Interlocked.Increment(ref invalidPages);
            else if (follows) ranges[^1] = ranges[^1] with { Count = ranges[^1].Count + 1 };
            else ranges.Add(new(number, 1));
        }

        return ranges;
    }

    /// <summary>Discards what of a range has an owner.</summary>
    /// <param name="range">The pages.</param>
    /// <param name="joins">
    /// Whether pages beside the range that are in the balloon help to fill a larger page of the host.
    /// </param>
    private void Discard(in PageRange range, bool joins)
    {
        foreach (ReclaimableMemory owned in owners)
        {
            ulong first = Math.Max(range.First, owned.Start / PageRange.PageBytes);
            ulong end = Math.Min(range.End, (owned.Start + (ulong)owned.Owner.Length) / PageRange.PageBytes);
            if (first >= end) continue;
            ulong granule = (ulong)owned.Owner.PageBytes / PageRange.PageBytes;
            (first, end) = granule == 1 ? (first, end) : FitToHost(first, end, granule, joins);
            if (first < end) Discard(owned, first, end);
        }
    }

    private (ulong First, ulong End) FitToHost(ulong first, ulong end, ulong granule, bool joins)
    {
        ulong down = first / granule * granule;
        ulong up = (end + granule - 1) / granule * granule;
        bool joinsDown = joins && inflated.ContainsAll(new(down, first - down));
        bool joinsUp = joins && inflated.ContainsAll(new(end, up - end));
        return (
            joinsDown || down == first ? down : down + granule,
            joinsUp || up == end ? up : up - granule);
    }

    private void Discard(in ReclaimableMemory owned, ulong first, ulong end)
    {
        long length = (long)(end - first) * PageRange.PageBytes;
        bool done = false;
        try
        {
            done = owned.Owner.TryDiscard((long)((first * PageRange.PageBytes) - owned.Start), length);
        }
        catch (Exception error)
        {
            // The guest has given the pages up in any case.
            Session?.ReportHostFailure("the return of pages", error);
        }

        if (done) Interlocked.Add(ref discardedBytes, length);
        else Interlocked.Increment(ref discardFailures);
    }
}
