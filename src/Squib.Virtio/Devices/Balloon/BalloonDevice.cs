using System.Buffers.Binary;
using Squib.Virtio.Diagnostics;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Balloon;

/// <summary>A memory balloon: pages that the guest gives up go back to the host (virtio 1.2, 5.5).</summary>
/// <remarks>All members may be called by any thread. A new session of a driver begins with an empty balloon.</remarks>
public sealed class BalloonDevice : IVirtioDevice, IMeasuredDevice
{
    private const int InflateQueue = 0;
    private const int DeflateQueue = 1;
    private const int FirstOptionalQueue = 2;
    private const int Queues = 5;

    // The functions that have a queue of their own, in the order of their queues.
    private static readonly ulong[] OptionalQueues =
        [BalloonFeature.Statistics, BalloonFeature.FreePageHint, BalloonFeature.PageReporting];

    private readonly BalloonOptions options;
    private readonly BalloonPages pages;
    private readonly BalloonStatisticsQueue statistics;
    private readonly BalloonHints hints;
    private readonly long maxPages;
    private ulong negotiated;
    private uint target;
    private uint actual;
    private uint poison;

    /// <summary>Makes a balloon.</summary>
    /// <param name="memory">The guest's memory that its owners take back; pages elsewhere are only counted.</param>
    /// <param name="options">What to offer.</param>
    /// <exception cref="ArgumentException">An option is out of its limits.</exception>
    public BalloonDevice(IReadOnlyList<ReclaimableMemory> memory, BalloonOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        this.options = options ?? new();
        this.options.Validate();
        foreach (ReclaimableMemory owned in memory)
        {
            if (!IsAligned(owned))
            {
                throw new ArgumentException(
                    $"Memory at 0x{owned.Start:x} does not begin with a page of its owner.", nameof(memory));
            }
        }

        maxPages = memory.Count == 0
            ? uint.MaxValue : Math.Min(uint.MaxValue, memory.Sum(owned => owned.Owner.Length / PageRange.PageBytes));
        target = ToPages(this.options.TargetBytes, nameof(options));
        Features = this.options.Features;
        QueueSizes = [.. Enumerable.Repeat(this.options.QueueSize, Queues)];
        pages = new(memory);
        statistics = new(this.options.Time, this.options.StatisticsInterval);
        BalloonConfig.Set(Config, BalloonConfig.Target, target);
        hints = new(Config, pages, this.options.DiscardHintedPages);
        Config.AllowWrites(BalloonConfig.Actual, sizeof(uint), value => Read(value, ref actual));
        Config.AllowWrites(
            BalloonConfig.Poison,
            sizeof(uint),
            value => Read(value, ref poison),
            () => Negotiated(BalloonFeature.PagePoison));
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.Balloon;

    /// <inheritdoc/>
    public ulong Features { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public ConfigSpace Config { get; } = new(new byte[BalloonConfig.Size]);

    /// <summary>How much memory the guest is asked for, in bytes.</summary>
    public long TargetBytes => (long)Volatile.Read(ref target) * PageRange.PageBytes;

    /// <summary>How much memory the driver says is in the balloon, in bytes; no more than there is.</summary>
    public long ActualBytes => Math.Min(Volatile.Read(ref actual), maxPages) * PageRange.PageBytes;

    /// <summary>How much memory is still to come, in bytes; 0 when the target is reached or exceeded.</summary>
    public long MissingBytes => Math.Max(0, TargetBytes - ActualBytes);

    /// <summary>How much memory the driver has really given up by now, in bytes.</summary>
    public long InflatedBytes => pages.Count * PageRange.PageBytes;

    /// <summary>With what the driver says that it fills free pages; 0 unless PAGE_POISON was negotiated.</summary>
    public uint PoisonValue => Volatile.Read(ref poison);

    /// <summary>What the balloon has done so far.</summary>
    public BalloonCounters Counters => pages.Counters;

    /// <summary>The last report of the guest about its memory, or null if there was none.</summary>
    public BalloonStatistics? Statistics => statistics.Latest;

    /// <summary>The number of reports so far.</summary>
    public long StatisticsReports => statistics.Reports;

    /// <summary>How often the guest is asked about its memory; zero for never.</summary>
    public TimeSpan StatisticsInterval => statistics.Interval;

    /// <summary>How far the round of hints at free pages is.</summary>
    public BalloonHinting Hinting => hints.State;

    /// <summary>The free pages that the driver has hinted at in the current round, in order.</summary>
    public IReadOnlyList<PageRange> HintedPages => hints.Pages;

    /// <summary>Asks the guest for more or less memory.</summary>
    /// <param name="bytes">
    /// How much shall be in the balloon in all, a multiple of 4096 and no more than the guest has.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">It is not; nothing changes.</exception>
    public void SetTarget(long bytes)
    {
        uint wanted = ToPages(bytes, nameof(bytes));
        Volatile.Write(ref target, wanted);
        BalloonConfig.Update(Config, BalloonConfig.Target, wanted);
    }

    /// <summary>Changes how often the guest is asked about its memory, at once.</summary>
    /// <param name="interval">The time between two questions, up to 49 days; zero for never.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or too long.</exception>
    /// <exception cref="InvalidOperationException">Statistics are not offered.</exception>
    public void SetStatisticsInterval(TimeSpan interval)
    {
        BalloonStatisticsQueue.CheckInterval(interval, nameof(interval));
        if (!options.Statistics) throw new InvalidOperationException("The balloon does not offer statistics.");
        statistics.Interval = interval;
    }

    /// <summary>Asks the guest about its memory now.</summary>
    /// <param name="cancel">Gives up waiting; a guest without a driver does not answer.</param>
    /// <returns>The next report of the guest.</returns>
    /// <exception cref="InvalidOperationException">Statistics are not offered.</exception>
    public Task<BalloonStatistics> ReadStatisticsAsync(CancellationToken cancel = default)
    {
        if (!options.Statistics) throw new InvalidOperationException("The balloon does not offer statistics.");
        return statistics.AskAsync(cancel);
    }

    /// <summary>Begins a round of hints at free pages; what an earlier round gave is forgotten.</summary>
    /// <returns>
    /// A task that is done when the driver has sent all, and cancelled when the round ends in another way.
    /// </returns>
    /// <exception cref="InvalidOperationException">No driver has accepted FREE_PAGE_HINT.</exception>
    public Task StartHinting()
    {
        CheckHinting();
        return hints.Start();
    }

    /// <summary>Asks the driver to send no more hints (STOP); those that came stay valid.</summary>
    /// <exception cref="InvalidOperationException">No driver has accepted FREE_PAGE_HINT.</exception>
    public void StopHinting()
    {
        CheckHinting();
        hints.End(done: false);
    }

    /// <summary>Tells the driver that the hints are no longer needed (DONE); it may use the pages again.</summary>
    /// <exception cref="InvalidOperationException">No driver has accepted FREE_PAGE_HINT.</exception>
    public void FinishHinting()
    {
        CheckHinting();
        hints.End(done: true);
    }

    /// <inheritdoc/>
    public bool Accepts(ulong features)
    {
        // Negotiation is over and nothing is in the balloon; the driver writes poison_val before DRIVER_OK.
        negotiated = features;
        pages.Clear();
        Volatile.Write(ref actual, 0);
        Volatile.Write(ref poison, 0);
        BalloonConfig.Set(Config, BalloonConfig.Actual, 0);
        BalloonConfig.Set(Config, BalloonConfig.Poison, 0);
        return true;
    }

    void IMeasuredDevice.Measure(in Measures to)
    {
        BalloonCounters counters = Counters;
        to.Requests("inflate", counters.InflatedPages);
        to.Requests("deflate", counters.DeflatedPages);
        to.Requests("statistics", StatisticsReports);
        to.Errors("discard_failed", counters.DiscardFailures);
        to.Errors("invalid_page", counters.InvalidPages);
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        GuestMemory memory = session.Memory;
        pages.Session = session;
        List<Task> loops =
        [
            new BalloonPageQueue(session.Queues[InflateQueue], memory, pages, inflates: true, reset).RunAsync(),
            new BalloonPageQueue(session.Queues[DeflateQueue], memory, pages, inflates: false, reset).RunAsync(),
        ];
        if (FindQueue(session, BalloonFeature.Statistics) is { } stats) loops.Add(statistics.RunAsync(stats, reset));
        if (FindQueue(session, BalloonFeature.FreePageHint) is { } hint) loops.Add(hints.RunAsync(hint, memory));
        if (FindQueue(session, BalloonFeature.PageReporting) is { } report) loops.Add(ServeReportsAsync(report));
        await session.RunAllAsync([.. loops]).ConfigureAwait(false);
        negotiated = 0;
        hints.Reset();
    }

    /// <summary>The queue of a function that was negotiated.</summary>
    /// <remarks>
    /// The specification numbers queues by function (5.5.2). Linux' MMIO transport numbers those that it uses one
    /// after the other. A driver of the first kind has set up the queue with the number of its last function; where
    /// both agree it does not matter.
    /// </remarks>
    private static Virtqueue? FindQueue(DriverSession session, ulong function)
    {
        if (!session.Has(function)) return null;
        int last = Array.FindLastIndex(OptionalQueues, session.Has);
        bool byFunction = session.Queues[FirstOptionalQueue + last].Size != 0;
        int index = Array.IndexOf(OptionalQueues, function);
        if (!byFunction) index = OptionalQueues.Take(index).Count(session.Has);
        return session.Queues[FirstOptionalQueue + index];
    }

    private static void Read(ReadOnlySpan<byte> value, ref uint field) =>
        Volatile.Write(ref field, BinaryPrimitives.ReadUInt32LittleEndian(value));

    private static bool IsAligned(in ReclaimableMemory owned)
    {
        int page = owned.Owner.PageBytes;
        return page >= PageRange.PageBytes && int.IsPow2(page) && owned.Start % (uint)page == 0;
    }

    private uint ToPages(long bytes, string name)
    {
        if (bytes < 0 || bytes % PageRange.PageBytes != 0 || bytes / PageRange.PageBytes > maxPages)
        {
            throw new ArgumentOutOfRangeException(
                name, bytes, $"A balloon holds a multiple of 4096 bytes from 0 to {maxPages * PageRange.PageBytes}.");
        }

        return (uint)(bytes / PageRange.PageBytes);
    }

    private bool Negotiated(ulong feature) => (negotiated & feature) != 0;

    private void CheckHinting()
    {
        if (!Negotiated(BalloonFeature.FreePageHint))
            throw new InvalidOperationException("No driver that has accepted FREE_PAGE_HINT is there.");
    }

    private async Task ServeReportsAsync(Virtqueue queue)
    {
        while (await queue.WaitAsync().ConfigureAwait(false)) ServeReports(queue);
    }

    private void ServeReports(Virtqueue queue)
    {
        // MUST NOT (5.5.6.6.2): with PAGE_POISON a page changes to nothing but poison_val, and a discarded one reads
        // as zero.
        bool keep = Negotiated(BalloonFeature.PagePoison) && PoisonValue != 0;
        using QueueBatch batch = queue.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            foreach (GuestSegment segment in chain.Writable.Segments)
                pages.Report(PageRange.Inside(segment.Address, (ulong)segment.Length), keep);
            batch.Return(chain);
        }
    }
}
