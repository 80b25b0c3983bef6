using Squib.Virtio.Diagnostics;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Mem;

/// <summary>Memory that is plugged and unplugged block by block while the guest runs (virtio 1.2, 5.15).</summary>
/// <remarks>
/// All members may be called by any thread. What is plugged stays so over resets of the device; what resets the
/// machine calls
/// <see cref="UnplugAll"/>.
/// </remarks>
public sealed class MemDevice : IVirtioDevice, IMeasuredDevice
{
    private readonly MemOptions options;
    private readonly MemRegion region;
    private long plugs;
    private long unplugs;
    private long states;
    private long refused;
    private long busy;
    private long errors;
    private long malformed;

    /// <summary>Makes a memory device.</summary>
    /// <param name="backend">What makes its memory usable; the device does not dispose of it.</param>
    /// <param name="options">Where the memory is, how much, and what to offer.</param>
    /// <exception cref="ArgumentException">An option is out of its limits.</exception>
    public MemDevice(IMemBackend backend, MemOptions options)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        this.options = options;
        region = new(options, backend);
        QueueSizes = [options.QueueSize];
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.Mem;

    /// <inheritdoc/>
    public ulong Features => options.Features;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public ConfigSpace Config => region.Config;

    /// <summary>How much the driver shall plug, in bytes.</summary>
    public long RequestedBytes => region.Requested;

    /// <summary>How much is plugged, in bytes.</summary>
    public long PluggedBytes => region.Plugged;

    /// <summary>Within how much of the region the driver may plug, in bytes from its start.</summary>
    public long UsableBytes => region.Usable;

    /// <summary>What the device was asked for so far.</summary>
    public MemCounters Counters => new(
        Interlocked.Read(ref plugs),
        Interlocked.Read(ref unplugs),
        Interlocked.Read(ref states),
        Interlocked.Read(ref refused),
        Interlocked.Read(ref busy),
        Interlocked.Read(ref errors),
        Interlocked.Read(ref malformed));

    /// <summary>Asks the driver to plug more, or to unplug some, and tells it at once.</summary>
    /// <param name="bytes">
    /// How much shall be plugged in all: a multiple of the block size, no more than the region.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">It is not; nothing changes.</exception>
    public void SetRequested(long bytes)
    {
        options.CheckRequested(bytes, nameof(bytes));
        region.Requested = bytes;
    }

    /// <summary>The state of blocks.</summary>
    /// <param name="offset">The distance from the start of the region in bytes, a multiple of the block size.</param>
    /// <param name="length">The number of bytes, a multiple of the block size, not 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not whole blocks of the region.</exception>
    public MemBlockState StateOf(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNotEqual(offset % options.BlockBytes, 0, nameof(offset));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(length % options.BlockBytes, 0, nameof(length));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, options.RegionBytes - offset);
        return region.StateOf(offset, length);
    }

    /// <summary>Unplugs everything, as a reset of the whole machine does; not while a driver uses the memory.</summary>
    /// <returns>Whether it was done; if not, the backend failed.</returns>
    public bool UnplugAll() => region.UnplugAll().Type == MemResponseType.Ack;

    void IMeasuredDevice.Measure(in Measures to)
    {
        MemCounters counters = Counters;
        to.Requests("plug", counters.Plugs);
        to.Requests("unplug", counters.Unplugs);
        to.Requests("state", counters.States);
        to.Errors("refused", counters.Refused);
        to.Errors("busy", counters.Busy);
        to.Errors("nonsense", counters.Errors);
        to.Errors("malformed", counters.Malformed);
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        Virtqueue queue = session.Queues[0];
        region.Session = session;
        while (await queue.WaitAsync().ConfigureAwait(false)) ServeBatch(queue);
    }

    private void ServeBatch(Virtqueue queue)
    {
        using QueueBatch batch = queue.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            // Without room for an answer nothing is done: the driver could not know what has become of its memory.
            if (chain.Writable.Length < MemResponse.Size) Interlocked.Increment(ref malformed);
            else Serve(chain);
            batch.Return(chain);
        }
    }

    private void Serve(DescriptorChain chain)
    {
        MemResponse response = MemResponseType.Error;
        if (MemRequest.TryRead(chain.Readable, out MemRequest request)) response = region.Serve(request);
        Interlocked.Increment(ref CounterOf(request.Type, response.Type));
        response.TryWriteTo(chain.Writable);
    }

    private ref long CounterOf(MemRequestType request, MemResponseType response)
    {
        switch (response)
        {
            case MemResponseType.Error: return ref errors;
            case MemResponseType.Nack: return ref refused;
            case MemResponseType.Busy: return ref busy;
        }

        if (request == MemRequestType.Plug) return ref plugs;
        if (request == MemRequestType.State) return ref states;
        return ref unplugs;
    }
}
