using System.Security.Cryptography;
using Squib.Virtio.Diagnostics;
using Squib.Virtio.Limits;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Rng;

/// <summary>A source of random bytes for the guest (virtio 1.2, 5.4).</summary>
public sealed class RngDevice : IVirtioDevice, IMeasuredDevice
{
    private readonly RngOptions options;
    private readonly RateControl control;
    private long requests;
    private long bytes;
    private long failures;

    /// <summary>Makes an entropy device.</summary>
    /// <param name="options">
    /// Where the bytes come from and how many at once; by default the operating system's generator.
    /// </param>
    /// <exception cref="ArgumentException">An option is out of its limits.</exception>
    public RngDevice(RngOptions? options = null)
    {
        this.options = options ?? new();
        ArgumentNullException.ThrowIfNull(this.options.Source, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(this.options.MaxRequestBytes, nameof(options));
        ArgumentOutOfRangeException.ThrowIfZero(this.options.QueueSize, nameof(options));
        QueueSizes = [this.options.QueueSize];
        control = new(this.options.Limiter);
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.Entropy;

    /// <inheritdoc/>
    public ulong Features => 0;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public ConfigSpace Config { get; } = new();

    /// <summary>The number of requests so far.</summary>
    public long Requests => Volatile.Read(ref requests);

    /// <summary>The number of bytes given so far.</summary>
    public long Bytes => Volatile.Read(ref bytes);

    /// <summary>The number of requests so far for which the source failed or the driver lent no room.</summary>
    public long Failures => Volatile.Read(ref failures);

    /// <summary>What limits the bytes and requests; null for nothing. Any thread may set it.</summary>
    public RateLimiter? Limiter
    {
        get => control.Limiter;
        set => control.Limiter = value;
    }

    void IMeasuredDevice.Measure(in Measures to)
    {
        to.Requests("fill", Requests);
        to.Bytes(Bytes, 0);
        to.Errors("failed", Failures);
        to.Throttled(control.Throttled);
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        Virtqueue queue = session.Queues[0];
        using RateGate gate = new(control, queue);
        while (await gate.WaitAsync().ConfigureAwait(false)) ServeBatch(session, queue, gate);
    }

    private void ServeBatch(DriverSession session, Virtqueue queue, RateGate gate)
    {
        using QueueBatch batch = queue.BeginBatch();
        while (gate.MayPass() && batch.TryTake(out DescriptorChain? chain))
        {
            requests++;
            long before = bytes;
            if (!TryFill(session, chain.Writable)) failures++;
            gate.Charge(bytes - before);
            batch.Return(chain);
        }
    }

    private bool TryFill(DriverSession session, WritableSegments destination)
    {
        long left = Math.Min(destination.Length, options.MaxRequestBytes);
        bool good = left > 0;
        while (left > 0)
        {
            Span<byte> piece = destination.First;
            if (piece.Length > left) piece = piece[..(int)left];
            try
            {
                options.Source(piece);
            }
            catch (Exception error)
            {
                session.ReportHostFailure("the source", error);
                // MUST (5.4.6.2): a buffer that is used holds a random byte at least, so somebody has to give one.
                RandomNumberGenerator.Fill(piece);
                good = false;
            }

            destination.Advance(piece.Length);
            bytes += piece.Length;
            left -= piece.Length;
        }

        return good;
    }
}
