using System.Collections.Concurrent;
using Squib.Virtio.Diagnostics;
using Squib.Virtio.Limits;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>A socket device: connections between programs of the guest and of the host, without a network (virtio 1.2, 5.10).</summary>
/// <remarks>
/// Connections that the guest makes go to whoever listens in this process (<see cref="Listen"/>), else to <see cref="Backend"/>.
/// All members may be called by any thread.
/// </remarks>
public sealed class VsockDevice : IVirtioDevice, IMeasuredDevice
{
    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const int EventQueue = 2;

    // The most batches that one turn of a thread sends.
    private const int BatchesPerTurn = 64;

    private readonly VsockOptions options;
    private readonly VsockSlots slots;
    private readonly RateControl control;
    private readonly VsockTally tally = new();
    private readonly ConcurrentDictionary<uint, VsockListener> listeners = new();
    private volatile IVsockBackend? backend;
    private volatile VsockSession? session;
    private volatile uint guestCid;

    /// <summary>Makes a socket device.</summary>
    /// <param name="options">What to offer.</param>
    /// <exception cref="ArgumentException">An option is out of its limits; a reserved context id is.</exception>
    public VsockDevice(VsockOptions? options = null)
    {
        this.options = options ?? new();
        this.options.Validate();
        slots = new(this.options.MaxConnections);
        control = new(this.options.Limiter);
        guestCid = this.options.GuestCid;
        Features = VsockFeature.Stream | (this.options.SeqPacket ? VsockFeature.SeqPacket : 0);
        Config = VsockConfig.Create(guestCid);
        QueueSizes = [this.options.QueueSize, this.options.QueueSize, this.options.QueueSize];
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.Vsock;

    /// <inheritdoc/>
    public ulong Features { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public ConfigSpace Config { get; }

    /// <summary>The guest's context id.</summary>
    public uint GuestCid => guestCid;

    /// <summary>Who answers requests of the guest for ports on which nobody in this process listens; null refuses them.</summary>
    public IVsockBackend? Backend
    {
        get => backend;
        set => backend = value;
    }

    /// <summary>What limits the payload bytes and the packets, both ways; null for nothing.</summary>
    public RateLimiter? Limiter
    {
        get => control.Limiter;
        set => control.Limiter = value;
    }

    /// <summary>What the device has done so far.</summary>
    public VsockCounters Counters => tally.Snapshot(slots.Used);

    /// <summary>Listens on a port of the host.</summary>
    /// <param name="port">The port.</param>
    /// <param name="type">What the connections are to carry.</param>
    /// <param name="backlog">The most connections that wait to be accepted; the guest is refused more.</param>
    /// <returns>The listener, which stays through resets of the device until it is disposed of.</returns>
    /// <exception cref="InvalidOperationException">Somebody listens there already.</exception>
    public VsockListener Listen(uint port, VsockSocketType type = VsockSocketType.Stream, int backlog = 128)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(backlog);
        VsockListener listener = new(this, port, type, backlog);
        return listeners.TryAdd(port, listener)
            ? listener
            : throw new InvalidOperationException($"Somebody listens on port {port} already.");
    }

    /// <summary>Connects to a port of the guest.</summary>
    /// <param name="port">The port.</param>
    /// <param name="type">What the connection is to carry.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="IOException">
    /// The guest refused or did not answer in time, no driver serves the device, or it has as many connections as it can have; the
    /// inner exception is a <see cref="System.Net.Sockets.SocketException"/> with the code.
    /// </exception>
    public async ValueTask<VsockStream> ConnectAsync(
        uint port, VsockSocketType type = VsockSocketType.Stream, CancellationToken cancel = default)
    {
        (VsockConnection? connection, VsockStatus status) = await TryConnectAsync(port, type, cancel).ConfigureAwait(false);
        return connection is not null ? new(connection) : throw VsockOutcome.ToException(status);
    }

    /// <summary>
    /// Drops all connections and tells the driver so by a transport reset event, after which it reads its context id again, as when
    /// a machine goes on somewhere else.
    /// </summary>
    /// <param name="newGuestCid">The guest's new context id; null keeps it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The id is a reserved one.</exception>
    public void ResetTransport(uint? newGuestCid = null)
    {
        if (newGuestCid is { } cid)
        {
            ArgumentOutOfRangeException.ThrowIfEqual(VsockCid.IsGuest(cid), false, nameof(newGuestCid));
            guestCid = cid;
            VsockConfig.SetGuestCid(Config, cid);
        }

        if (session is not { } now) return;
        now.AbortAll(close: false);
        now.EventDue = true;
        now.EventBell.Ring();
    }

    void IMeasuredDevice.Measure(in Measures to)
    {
        VsockCounters counters = Counters;
        to.Requests("receive", counters.PacketsToGuest);
        to.Requests("send", counters.PacketsFromGuest);
        to.Bytes(counters.BytesToGuest, counters.BytesFromGuest);
        to.Errors("refused", counters.Refused);
        to.Errors("violation", counters.Violations);
        to.Errors("timed_out", counters.TimedOut);
        to.Errors("malformed", counters.Malformed);
        to.Errors("foreign", counters.Foreign);
        to.Errors("ignored", counters.Ignored);
        to.Errors("short_buffer", counters.ShortBuffers);
        to.Throttled(control.Throttled);
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        VsockSession now = new(this, options, slots, tally, session);
        this.session = now;
        try
        {
            await session.RunAllAsync(
                ReceiveAsync(session.Queues[ReceiveQueue], now, reset),
                TransmitAsync(session.Queues[TransmitQueue], now, reset),
                TellAsync(session.Queues[EventQueue], now, reset)).ConfigureAwait(false);
        }
        finally
        {
            this.session = null;
            now.AbortAll(close: true);
        }
    }

    /// <summary>The clock of the timeouts.</summary>
    internal TimeProvider Time => options.Time;

    /// <summary>Connects to a port of the guest.</summary>
    /// <returns>The connection, or why there is none.</returns>
    internal async ValueTask<(VsockConnection? Connection, VsockStatus Status)> TryConnectAsync(
        uint port, VsockSocketType type, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        if (session is not { } now) return (null, VsockStatus.NotRunning);
        if (!now.Supports(type)) return (null, VsockStatus.Unsupported);
        if (!slots.TryTake()) return (null, VsockStatus.TooMany);
        VsockConnection connection = new(now, VsockState.Asking, port, now.Connections.PickHostPort(port), type);
        if (!now.Connections.TryAdd(connection))
        {
            slots.Release();
            return (null, VsockStatus.NotRunning);
        }

        VsockStatus status = VsockStatus.Cancelled;
        try
        {
            status = await connection.AskAsync().WaitAsync(cancel).ConfigureAwait(false);
        }
        finally
        {
            if (status != VsockStatus.Ok) connection.Dispose();
        }

        return status == VsockStatus.Ok ? (connection, status) : (null, status);
    }

    /// <summary>Who answers a request of the guest for a port; null: nobody.</summary>
    internal IVsockBackend? FindBackend(uint hostPort) =>
        listeners.TryGetValue(hostPort, out VsockListener? listener) ? listener : backend;

    internal void Remove(VsockListener listener) =>
        listeners.TryRemove(new KeyValuePair<uint, VsockListener>(listener.Port, listener));

    // --- packets from the guest -------------------------------------------------------------------------------------------------

    private async Task TransmitAsync(Virtqueue queue, VsockSession now, CancellationToken reset)
    {
        using CancellationTokenRegistration wake = RingAtReset(now.Outbox.Room, reset);
        using RateGate gate = new(control, queue);
        while (await gate.WaitAsync().ConfigureAwait(false))
        {
            TakeBatch(queue, now, gate);
            // Once for all that the batch led to: the guest gets its answers together.
            if (now.Outbox.HasWork) now.Outbox.Bell.Ring();
            // MUST (5.10.6.1): packets are taken while the receive queue is full, as long as there is room for what they lead to.
            while (!now.Outbox.HasRoom)
            {
                // With packets left in the ring the queue would say "look" again and again.
                if (reset.IsCancellationRequested) return;
                await queue.RestAsync(now.Outbox.Room).ConfigureAwait(false);
            }
        }
    }

    private static void TakeBatch(Virtqueue queue, VsockSession now, RateGate gate)
    {
        using QueueBatch batch = queue.BeginBatch();
        while (now.Outbox.HasRoom && gate.MayPass() && batch.TryTake(out DescriptorChain? chain))
        {
            long before = now.Tally.BytesFromGuest;
            now.Handle(chain.Readable);
            gate.Charge(now.Tally.BytesFromGuest - before);
            batch.Return(chain);
        }
    }

    // --- packets to the guest ---------------------------------------------------------------------------------------------------

    private async Task ReceiveAsync(Virtqueue queue, VsockSession now, CancellationToken reset)
    {
        VsockOutbox outbox = now.Outbox;
        using CancellationTokenRegistration wake = RingAtReset(outbox.Bell, reset);
        using RateGate gate = new(control, queue);
        int batches = 0;
        while (!reset.IsCancellationRequested)
        {
            // First there must be something to send: buffers that the driver has lent wait here for hours.
            if (!outbox.HasWork)
            {
                await queue.RestAsync(outbox.Bell).ConfigureAwait(false);
                batches = 0;
            }

            // The thread may be a vCPU's, or of somebody who writes: those who add work without end must not keep it.
            bool goOn = SendBatch(queue, now, gate) && ++batches < BatchesPerTurn;
            if (!goOn && !await gate.WaitAsync().ConfigureAwait(false)) return;
        }
    }

    /// <summary>Sends what there is to send.</summary>
    /// <returns>False: the driver's buffers are used up, or the limit is reached.</returns>
    private static bool SendBatch(Virtqueue queue, VsockSession now, RateGate gate)
    {
        bool hadRoom = now.Outbox.HasRoom;
        bool all;
        QueueBatch batch = queue.BeginBatch();
        try
        {
            all = TryFillBatch(ref batch, now, gate);
        }
        finally
        {
            batch.Dispose();
        }

        if (!hadRoom && now.Outbox.HasRoom) now.Outbox.Room.Ring();
        return all;
    }

    private static bool TryFillBatch(ref QueueBatch batch, VsockSession now, RateGate gate)
    {
        while (now.Outbox.TryPeekReset(out VsockPacket packet))
        {
            if (!gate.MayPass() || !batch.TryTake(out DescriptorChain? chain)) return false;
            gate.Charge(bytes: 0);
            if (packet.TryWrite(chain.Writable))
            {
                now.Outbox.DropReset();
                now.Tally.PacketsToGuest++;
            }
            else
            {
                now.Tally.ShortBuffers++;
            }

            batch.Return(chain);
        }

        while (now.Outbox.TryTake(out VsockConnection? connection))
        {
            if (!connection.TrySend(ref batch, gate)) return false;
        }

        return true;
    }

    // --- events -----------------------------------------------------------------------------------------------------------------

    private static async Task TellAsync(Virtqueue queue, VsockSession now, CancellationToken reset)
    {
        using CancellationTokenRegistration wake = RingAtReset(now.EventBell, reset);
        while (!reset.IsCancellationRequested)
        {
            if (!now.EventDue) await queue.RestAsync(now.EventBell).ConfigureAwait(false);
            else if (await queue.WaitAsync().ConfigureAwait(false)) SendEvent(queue, now);
            else return;
        }
    }

    private static void SendEvent(Virtqueue queue, VsockSession now)
    {
        // The only event there is: TRANSPORT_RESET, le32 0 (5.10.6.7).
        ReadOnlySpan<byte> transportReset = [0, 0, 0, 0];
        using QueueBatch batch = queue.BeginBatch();
        while (now.EventDue && batch.TryTake(out DescriptorChain? chain))
        {
            if (chain.Writable.TryWrite(transportReset)) now.EventDue = false;
            batch.Return(chain);
        }
    }

    private static CancellationTokenRegistration RingAtReset(Doorbell bell, CancellationToken reset) =>
        reset.UnsafeRegister(static bell => ((Doorbell)bell!).Ring(), bell);
}
