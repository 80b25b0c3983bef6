using System.Buffers.Binary;
using Squib.Virtio.Diagnostics;
using Squib.Virtio.Limits;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Pmem;

/// <summary>
/// Persistent memory: guest memory that a backend keeps, and requests to flush it (virtio 1.2, 5.19).
/// </summary>
/// <remarks>
/// The memory itself is a region of the guest's memory that the machine has at the same address. A flush does not
/// keep the vCPU: the request is answered when the backend is done, and one flush serves all requests that came
/// before it began.
/// </remarks>
public sealed class PmemDevice : IVirtioDevice, IMeasuredDevice
{
    private const int ConfigBytes = 16;
    private const uint FlushRequest = 0;
    private const uint Success = 0;
    private const uint Failure = uint.MaxValue;

    private readonly IPmemBackend backend;
    private readonly PmemOptions options;
    private readonly SharedMemoryRegion region;
    private readonly RateControl control;
    private readonly Lock gate = new();
    private List<DescriptorChain> waiting = [];
    private List<DescriptorChain> served = [];
    private Task flushing = Task.CompletedTask;
    private bool isFlushing;
    private bool announcesShared;
    private DriverSession? current;
    private long requests;
    private long flushes;
    private long failures;
    private long unknown;
    private long malformed;

    /// <summary>Makes persistent memory.</summary>
    /// <param name="backend">What keeps it; the device does not dispose of it.</param>
    /// <param name="options">Where it is, and what to offer.</param>
    /// <exception cref="ArgumentException">An option is out of its limits.</exception>
    public PmemDevice(IPmemBackend backend, PmemOptions options)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        this.backend = backend;
        this.options = options;
        region = new(options.Address, (ulong)options.Length);
        QueueSizes = [options.QueueSize];
        control = new(options.Limiter);
        Announce(shared: false);
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.Pmem;

    /// <inheritdoc/>
    public ulong Features => options.SharedMemory ? PmemFeature.SharedMemory : 0;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public ConfigSpace Config { get; } = new(new byte[ConfigBytes]);

    /// <summary>What the device was asked for so far.</summary>
    public PmemCounters Counters => new(
        Interlocked.Read(ref requests),
        Interlocked.Read(ref flushes),
        Interlocked.Read(ref failures),
        Interlocked.Read(ref unknown),
        Interlocked.Read(ref malformed));

    /// <summary>
    /// What limits the requests for a flush; null for nothing. They move no bytes. Any thread may set it.
    /// </summary>
    public RateLimiter? Limiter
    {
        get => control.Limiter;
        set => control.Limiter = value;
    }

    /// <inheritdoc/>
    public bool Accepts(ulong features)
    {
        // Until here the driver could not know which of the two ways holds.
        Announce((features & PmemFeature.SharedMemory) != 0);
        return true;
    }

    /// <inheritdoc/>
    public SharedMemoryRegion? FindSharedMemory(uint id) =>
        id == 0 && Volatile.Read(ref announcesShared) ? region : null;

    void IMeasuredDevice.Measure(in Measures to)
    {
        PmemCounters counters = Counters;
        to.Requests("flush", counters.Requests);
        to.Errors("failed", counters.Failures);
        to.Errors("unknown", counters.Unknown);
        to.Errors("malformed", counters.Malformed);
        to.Throttled(control.Throttled);
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        Virtqueue queue = session.Queues[0];
        current = session;
        using RateGate gate = new(control, queue);
        while (await gate.WaitAsync().ConfigureAwait(false))
        {
            TakeBatch(queue, gate);
            if (MustStart()) flushing = FlushAsync(queue, reset);
        }

        await flushing.ConfigureAwait(false);
        Announce(shared: false);
    }

    private void TakeBatch(Virtqueue queue, RateGate gate)
    {
        Span<byte> type = stackalloc byte[sizeof(uint)];
        using QueueBatch batch = queue.BeginBatch();
        while (gate.MayPass() && batch.TryTake(out DescriptorChain? chain))
        {
            gate.Charge(bytes: 0);
            if (chain.Writable.Length < sizeof(uint) || !chain.Readable.TryRead(type))
            {
                Interlocked.Increment(ref malformed);
                batch.Return(chain);
            }
            else if (BinaryPrimitives.ReadUInt32LittleEndian(type) == FlushRequest)
            {
                Interlocked.Increment(ref requests);
                lock (gate) waiting.Add(chain);
            }
            else
            {
                Interlocked.Increment(ref unknown);
                Answer(chain, Failure);
                batch.Return(chain);
            }
        }
    }

    private bool MustStart()
    {
        lock (gate)
        {
            if (isFlushing || waiting.Count == 0) return false;
            isFlushing = true;
            return true;
        }
    }

    /// <summary>
    /// Flushes as long as requests wait. Those that come during a flush may be about later writes, and wait for the
    /// next.
    /// </summary>
    private async Task FlushAsync(Virtqueue queue, CancellationToken reset)
    {
        while (true)
        {
            lock (gate)
            {
                if (waiting.Count == 0)
                {
                    isFlushing = false;
                    return;
                }

                (waiting, served) = (served, waiting);
            }

            uint outcome = await TryFlushAsync(reset).ConfigureAwait(false);
            foreach (DescriptorChain chain in served)
            {
                Answer(chain, outcome);
                queue.Return(chain);
            }

            served.Clear();
        }
    }

    private async ValueTask<uint> TryFlushAsync(CancellationToken reset)
    {
        // After a reset nobody reads the answer.
        if (reset.IsCancellationRequested) return Failure;
        long begun = Meters.Begin();
        try
        {
            Interlocked.Increment(ref flushes);
            await backend.FlushAsync(reset).ConfigureAwait(false);
            return Success;
        }
        catch (Exception) when (reset.IsCancellationRequested)
        {
            // What a reset has cancelled has not failed, and nobody reads the answer.
            return Failure;
        }
        catch (Exception error)
        {
            // MUST (5.19.6.3): the driver is told that its data is not safe, and the device lives on.
            Interlocked.Increment(ref failures);
            current!.ReportHostFailure("flush", error);
            return Failure;
        }
        finally
        {
            Meters.End(begun, "pmem", current!.Name, "flush");
        }
    }

    private static void Answer(DescriptorChain chain, uint outcome)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, outcome);
        chain.Writable.TryWrite(bytes);
    }

    private void Announce(bool shared)
    {
        Span<byte> bytes = stackalloc byte[ConfigBytes];
        bytes.Clear();
        // SHOULD (5.19.5.1): start and size are 0 where the memory is announced as a shared memory region.
        if (!shared)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, region.Address);
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[sizeof(ulong)..], region.Length);
        }

        Volatile.Write(ref announcesShared, shared);
        Config.Set(0, bytes);
    }
}
