using Squib.Virtio.Diagnostics;
using Squib.Virtio.Limits;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Block;

/// <summary>A disk (virtio 1.2, 5.2).</summary>
/// <remarks>Methods that change the running device may be called by any thread.</remarks>
public sealed class BlockDevice : IVirtioDevice, IMeasuredDevice
{
    private readonly BlockOptions options;
    private readonly BlockTally[] tallies;
    private readonly byte[] id = new byte[BlockOptions.MaxIdBytes];
    private readonly Lock changes = new();
    private BlockImage image;
    private ulong negotiated;
    private volatile bool writeBack;

    /// <summary>Makes a disk.</summary>
    /// <param name="backend">Where its bytes are; the device does not dispose of it.</param>
    /// <param name="options">What to offer; by default all that the backend can do.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of its limits, or the backend's length is not whole sectors.
    /// </exception>
    public BlockDevice(IBlockBackend backend, BlockOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(backend);
        this.options = options ?? new();
        this.options.Validate();
        CheckLength(backend);
        ReadOnly = this.options.ReadOnly || backend.ReadOnly;
        long largest = (long)this.options.MaxSegmentBytes * this.options.MaxSegments;
        MaxTransferBytes = largest == 0 ? long.MaxValue : largest;
        System.Text.Encoding.ASCII.GetBytes(this.options.Id, id);
        image = new(backend);
        Features = SelectFeatures(this.options, backend, ReadOnly);
        Config = BlockConfig.Create(this.options, backend, Features);
        if (Offers(BlockFeature.ConfigWce))
            Config.AllowWrites(BlockConfig.WriteBack, 1, OnWriteBackWritten, HasNegotiatedConfigWce);
        writeBack = this.options.Cache == BlockCacheMode.WriteBack;
        QueueSizes = [.. Enumerable.Repeat(this.options.QueueSize, this.options.QueueCount)];
        tallies = [.. QueueSizes.Select(_ => new BlockTally())];
        Control = new(this.options.Limiter);
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.Block;

    /// <inheritdoc/>
    public ulong Features { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public ConfigSpace Config { get; }

    /// <summary>Whether the driver may only read.</summary>
    public bool ReadOnly { get; }

    /// <summary>The bytes that the driver sees.</summary>
    public long Capacity => Volatile.Read(ref image).Capacity;

    /// <summary>
    /// Whether writes may complete before they are on storage; the driver switches it if it has accepted CONFIG_WCE.
    /// </summary>
    public bool IsWriteBack => writeBack;

    /// <summary>What the device has been asked for so far.</summary>
    public BlockCounters Counters => tallies.Aggregate(default(BlockCounters), (sum, tally) => sum + tally.Snapshot());

    /// <summary>
    /// What limits the requests, and the bytes that are read, written and zeroed; null for nothing. All queues share it.
    /// </summary>
    public RateLimiter? Limiter
    {
        get => Control.Limiter;
        set => Control.Limiter = value;
    }

    internal RateControl Control { get; }

    /// <summary>The most data bytes that a driver which keeps to SIZE_MAX and SEG_MAX can ask for at once.</summary>
    internal long MaxTransferBytes { get; }

    internal int MaxRanges => options.MaxRanges;

    internal uint MaxDiscardSectors => options.MaxDiscardSectors;

    internal uint MaxWriteZeroesSectors => options.MaxWriteZeroesSectors;

    /// <summary>Changes the capacity and tells the driver.</summary>
    /// <param name="bytes">The new capacity, a multiple of 512 that the backend has.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The backend has less, or the number is not such a multiple.
    /// </exception>
    public void Resize(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes % BlockRequest.SectorBytes, 0, nameof(bytes));
        lock (changes)
        {
            BlockImage now = image;
            ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, now.Backend.Length);
            now.Capacity = bytes;
            BlockConfig.SetCapacity(Config, bytes);
        }
    }

    /// <summary>
    /// Puts another backend in the place of the one in use, as when a medium is changed, and tells the driver.
    /// </summary>
    /// <param name="next">The new backend.</param>
    /// <returns>The old backend, when all requests that it had are answered and its data is committed.</returns>
    /// <exception cref="ArgumentException">
    /// The new backend cannot be written but the device can, or is not whole sectors.
    /// </exception>
    public async Task<IBlockBackend> SwapAsync(IBlockBackend next)
    {
        ArgumentNullException.ThrowIfNull(next);
        CheckLength(next);
        if (next.ReadOnly && !ReadOnly)
            throw new ArgumentException("The driver writes, but the backend is read-only.", nameof(next));
        BlockImage old;
        lock (changes)
        {
            old = image;
            Volatile.Write(ref image, new(next));
            if (Offers(BlockFeature.WriteZeroes)) SetFlag(BlockConfig.WriteZeroesMayUnmap, next.CanUnmap);
            BlockConfig.SetCapacity(Config, next.Length);
        }

        old.Release();
        await old.Idle.ConfigureAwait(false);
        await CommitAsync(old).ConfigureAwait(false);
        return old.Backend;
    }

    /// <inheritdoc/>
    public bool Accepts(ulong features)
    {
        // Negotiation is over, and the driver may look at the field before it says DRIVER_OK.
        // MUST (5.2.5.2): with CONFIG_WCE but without FLUSH writeback starts as 0.
        bool cannotFlush = (features & (BlockFeature.ConfigWce | BlockFeature.Flush)) == BlockFeature.ConfigWce;
        SetWriteBack(options.Cache == BlockCacheMode.WriteBack && !cannotFlush);
        negotiated = features;
        return true;
    }

    void IMeasuredDevice.Measure(in Measures to)
    {
        BlockCounters counters = Counters;
        to.Requests("read", counters.Reads);
        to.Requests("write", counters.Writes);
        to.Requests("flush", counters.Flushes);
        to.Requests("discard", counters.Discards);
        to.Requests("write_zeroes", counters.WriteZeroes);
        to.Bytes(counters.BytesRead, counters.BytesWritten);
        to.Errors("failed", counters.Failed);
        to.Errors("malformed", counters.Malformed);
        to.Throttled(Control.Throttled);
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        int count = session.Has(BlockFeature.MultiQueue) ? session.Queues.Count : 1;
        Task[] loops = new Task[count];
        for (int i = 0; i < count; i++) loops[i] = new BlockQueue(this, session, i, tallies[i], reset).RunAsync();
        await session.RunAllAsync(loops).ConfigureAwait(false);
        negotiated = 0;
        await CommitInUseAsync().ConfigureAwait(false);
    }

    /// <summary>The backend in use, which stays until it is released.</summary>
    internal BlockImage AcquireImage()
    {
        while (true)
        {
            BlockImage now = Volatile.Read(ref image);
            if (now.TryAcquire()) return now;
        }
    }

    /// <summary>Whether writes are on storage before they complete.</summary>
    internal bool WritesThrough(ulong features)
    {
        if (options.Cache == BlockCacheMode.Unsafe) return false;
        // MUST (5.2.6.2): a driver that has accepted neither cannot flush, so all it writes is committed.
        bool cannotFlush = (features & (BlockFeature.ConfigWce | BlockFeature.Flush)) == 0;
        return cannotFlush || !writeBack;
    }

    /// <summary>Answers GET_ID: as much of the 20 bytes as there is room for.</summary>
    internal BlockStatus WriteId(WritableSegments destination)
    {
        destination.TryWrite(id.AsSpan(0, (int)Math.Min(destination.Length, id.Length)));
        return BlockStatus.Ok;
    }

    private static void CheckLength(IBlockBackend backend)
    {
        if (backend.Length % BlockRequest.SectorBytes != 0)
            throw new ArgumentException($"A disk of {backend.Length} bytes is not whole sectors.", nameof(backend));
    }

    private static ulong SelectFeatures(BlockOptions options, IBlockBackend backend, bool readOnly)
    {
        ulong features = BlockFeature.SegMax | BlockFeature.BlockSize | BlockFeature.Topology;
        if (readOnly) features |= BlockFeature.ReadOnly;
        if (options.MaxSegmentBytes != 0) features |= BlockFeature.SizeMax;
        if (options.QueueCount > 1) features |= BlockFeature.MultiQueue;
        // Without a promise to keep there is nothing to switch: CONFIG_WCE comes with FLUSH or not at all.
        if (options.Cache != BlockCacheMode.Unsafe) features |= BlockFeature.Flush | BlockFeature.ConfigWce;
        if (options.Discard && backend.CanUnmap && !readOnly) features |= BlockFeature.Discard;
        if (options.WriteZeroes && !readOnly) features |= BlockFeature.WriteZeroes;
        return features;
    }

    private bool Offers(ulong feature) => (Features & feature) != 0;

    private bool HasNegotiatedConfigWce() => (negotiated & BlockFeature.ConfigWce) != 0;

    private void OnWriteBackWritten(ReadOnlySpan<byte> value)
    {
        bool before = writeBack;
        SetWriteBack(value[0] != 0);
        // The driver will not flush any more, so what it has written until now is committed here.
        if (before && !writeBack) _ = CommitInUseAsync();
    }

    private void SetWriteBack(bool value)
    {
        writeBack = value;
        if (Offers(BlockFeature.ConfigWce)) SetFlag(BlockConfig.WriteBack, value);
    }

    private void SetFlag(int offset, bool value) => Config.Set(offset, [value ? (byte)1 : (byte)0]);

    private async Task CommitInUseAsync()
    {
        BlockImage now = AcquireImage();
        await CommitAsync(now).ConfigureAwait(false);
        now.Release();
    }

    /// <summary>
    /// Commits what no flush has committed, unless nothing is promised; failures are the backend's to remember.
    /// </summary>
    private async Task CommitAsync(BlockImage written)
    {
        if (options.Cache == BlockCacheMode.Unsafe || !written.Dirty) return;
        try
        {
            await written.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The image stays dirty, and the next flush fails or succeeds on its own.
        }
    }
}
