using Squib.Virtio.Diagnostics;
using Squib.Virtio.Limits;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Console;

/// <summary>A console with one port, or several (virtio 1.2, 5.3).</summary>
/// <remarks>Port 0 is a terminal and is always there. All members may be called by any thread.</remarks>
public sealed class ConsoleDevice : IVirtioDevice, IMeasuredDevice
{
    /// <summary>The most characters that are taken from emerg_wr in a second.</summary>
    public const int EmergencyBytesPerSecond = 16_384;

    private const int ControlReceiveQueue = 2;
    private const int ControlTransmitQueue = 3;

    private readonly ConsoleOptions options;
    private readonly ConsoleSlot[] slots;
    private readonly RateControl control;
    private readonly Lock changes = new();
    private volatile ConsoleControl? messages;
    private volatile bool sizeUnread;
    private long emergencySecond;
    private int emergencyCount;
    private long emergencyDropped;
    private long ignoredMessages;

    /// <summary>Makes a console.</summary>
    /// <param name="output">Where what the guest writes to port 0 goes; the device does not dispose of it.</param>
    /// <param name="options">What to offer.</param>
    /// <exception cref="ArgumentException">An option is out of its limits.</exception>
    public ConsoleDevice(Stream output, ConsoleOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(output);
        this.options = options ?? new();
        this.options.Validate();
        control = new(this.options.Limiter);
        slots = [.. Enumerable.Range(0, this.options.MaxPorts).Select(id => new ConsoleSlot(id))];
        Primary = Attach(slots[0], new() { Output = output, IsConsole = true });
        Features = ConsoleFeature.Size
            | (this.options.MaxPorts > 1 ? ConsoleFeature.MultiPort : 0)
            | (this.options.EmergencyWrite ? ConsoleFeature.EmergencyWrite : 0);
        Config = ConsoleConfig.Create(this.options);
        // MUST (5.3.5.1): emerg_wr can be written at any time, before negotiation too.
        if (this.options.EmergencyWrite)
            Config.AllowWrites(ConsoleConfig.EmergencyWrite, sizeof(uint), OnEmergencyWrite);
        int queues = this.options.MaxPorts > 1 ? (2 * this.options.MaxPorts) + 2 : 2;
        QueueSizes = [.. Enumerable.Repeat(this.options.QueueSize, queues)];
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.Console;

    /// <inheritdoc/>
    public ulong Features { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public ConfigSpace Config { get; }

    /// <summary>Port 0.</summary>
    public ConsolePort Primary { get; }

    /// <summary>The ports that there are now.</summary>
    public IReadOnlyList<ConsolePort> Ports => [.. slots.Select(slot => slot.Port).OfType<ConsolePort>()];

    /// <summary>The number of control messages of the driver so far that made no sense.</summary>
    public long IgnoredMessages => Interlocked.Read(ref ignoredMessages);

    /// <summary>The number of emergency characters so far that came too fast to be taken.</summary>
    public long EmergencyDropped => Interlocked.Read(ref emergencyDropped);

    /// <summary>What limits the bytes and buffers of all ports, both ways; null for nothing.</summary>
    public RateLimiter? Limiter
    {
        get => control.Limiter;
        set => control.Limiter = value;
    }

    /// <summary>Sends bytes to port 0; <see cref="ConsolePort.WriteInputAsync"/>.</summary>
    /// <param name="bytes">The bytes, not to be changed until the task is done.</param>
    /// <param name="cancel">Gives up waiting for the guest; some of the bytes may have been taken.</param>
    public ValueTask WriteInputAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel = default) =>
        Primary.WriteInputAsync(bytes, cancel);

    /// <summary>Waits until all that the guest has written so far is with the streams.</summary>
    /// <param name="cancel">Gives up waiting.</param>
    public Task DrainAsync(CancellationToken cancel = default) =>
        Task.WhenAll(Ports.Select(port => port.DrainAsync(cancel)));

    /// <summary>Changes the size of the window of port 0 and tells the guest.</summary>
    /// <param name="columns">The width in characters.</param>
    /// <param name="rows">The height in characters.</param>
    public void Resize(ushort columns, ushort rows) => Primary.Resize(columns, rows);

    /// <summary>Adds a port, which a running guest sees at once.</summary>
    /// <param name="port">The port.</param>
    /// <exception cref="ArgumentException">The name is too long.</exception>
    /// <exception cref="InvalidOperationException">There are as many ports as there can be.</exception>
    public ConsolePort AddPort(ConsolePortOptions port)
    {
        ArgumentNullException.ThrowIfNull(port);
        port.Validate();
        ConsolePort added;
        lock (changes)
        {
            // MUST NOT (5.3.6.2.1): a port has a number below max_nr_ports.
            ConsoleSlot slot = slots.FirstOrDefault(slot => slot.Port is null)
                ?? throw new InvalidOperationException($"All {options.MaxPorts} ports of the console are in use.");
            added = Attach(slot, port);
        }

        messages?.Bell.Ring();
        return added;
    }

    /// <summary>Removes a port, which a running guest sees at once; input that waits for the guest is lost.</summary>
    /// <param name="port">A port of this device, not port 0.</param>
    /// <exception cref="ArgumentException">It is port 0, or no port of this device any more.</exception>
    public void RemovePort(ConsolePort port)
    {
        ArgumentNullException.ThrowIfNull(port);
        lock (changes)
        {
            if (port.Id == 0 || port.Id >= slots.Length || !ReferenceEquals(slots[port.Id].Port, port))
                throw new ArgumentException($"Port {port.Id} is not one that can be removed.", nameof(port));
            slots[port.Id].Port = null;
        }

        port.Close();
        slots[port.Id].Arrived.Ring();
        messages?.Bell.Ring();
    }

    void IMeasuredDevice.Measure(in Measures to)
    {
        IReadOnlyList<ConsolePort> ports = Ports;
        to.Bytes(ports.Sum(port => port.InputBytes), ports.Sum(port => port.OutputBytes));
        to.Errors("ignored_message", IgnoredMessages);
        to.Errors("emergency_dropped", EmergencyDropped);
        to.Throttled(control.Throttled);
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        bool many = session.Has(ConsoleFeature.MultiPort);
        // With MULTIPORT the driver says which ports are open; without it there is one, and it is.
        foreach (ConsolePort port in Ports) port.IsGuestOpen = !many;
        sizeUnread = !many && session.Has(ConsoleFeature.Size);
        List<Task> loops = [];
        if (many)
        {
            ConsoleControl told = new(slots);
            messages = told;
            loops.Add(TellAsync(session.Queues[ControlReceiveQueue], told, reset));
            loops.Add(HearAsync(session.Queues[ControlTransmitQueue], told));
        }

        foreach (ConsoleSlot slot in many ? slots : slots.AsSpan(0, 1))
        {
            loops.Add(ReceiveAsync(session.Queues[slot.ReceiveQueue], slot, reset));
            loops.Add(TransmitAsync(session, slot, reset));
        }

        await session.RunAllAsync([.. loops]).ConfigureAwait(false);
        messages = null;
        foreach (ConsolePort port in Ports) port.IsGuestOpen = false;
    }

    // --- bytes towards the guest -------------------------------------------------------------------------------------

    private async Task ReceiveAsync(Virtqueue queue, ConsoleSlot slot, CancellationToken reset)
    {
        using CancellationTokenRegistration wake = RingAtReset(slot.Arrived, reset);
        using RateGate gate = new(control, queue);
        while (!reset.IsCancellationRequested)
        {
            // First there must be bytes: buffers that the driver has lent wait here for hours.
            if (slot.Port is not { HasInput: true }) await queue.RestAsync(slot.Arrived).ConfigureAwait(false);
            else if (await gate.WaitAsync().ConfigureAwait(false)) FillBatch(queue, slot, gate);
            else return;
        }
    }

    private static void FillBatch(Virtqueue queue, ConsoleSlot slot, RateGate gate)
    {
        using QueueBatch batch = queue.BeginBatch();
        while (slot.Port is { HasInput: true } port && gate.MayPass() && batch.TryTake(out DescriptorChain? chain))
        {
            gate.Charge(port.Fill(chain.Writable));
            batch.Return(chain);
        }
    }

    // --- bytes from the guest ----------------------------------------------------------------------------------------

    private async Task TransmitAsync(DriverSession session, ConsoleSlot slot, CancellationToken reset)
    {
        Virtqueue queue = session.Queues[slot.TransmitQueue];
        using RateGate gate = new(control, queue);
        while (await gate.WaitAsync().ConfigureAwait(false))
        {
            if (TakeBatch(queue, slot, gate, reset) is { } unfinished)
            {
                await FinishAsync(unfinished, slot, gate, reset).ConfigureAwait(false);
                queue.Return(unfinished);
            }

            // Once for all chains of a batch: one write for what the guest has sent in many pieces.
            if (slot.Port is { } port)
            {
                port.Send();
                if (port.TakeFailure() is { } error) session.ReportHostFailure($"the stream of port {port.Id}", error);
            }

            if (sizeUnread && queue.ChainsTaken > 0) TellSize();
        }
    }

    /// <summary>Takes output as far as there is room for it, and as the limit allows.</summary>
    /// <returns>The chain for which there was none; nothing is taken after it, so the order stays.</returns>
    private static DescriptorChain? TakeBatch(Virtqueue queue, ConsoleSlot slot, RateGate gate, CancellationToken reset)
    {
        using QueueBatch batch = queue.BeginBatch();
        // A stream that takes all at once must not be fed gigabytes after a reset.
        while (!reset.IsCancellationRequested && gate.MayPass() && batch.TryTake(out DescriptorChain? chain))
        {
            gate.Charge(bytes: 0);
            if (slot.Port is { } port && !port.TryTake(chain.Readable, gate)) return chain;
            batch.Return(chain);
        }

        return null;
    }

    private static async ValueTask FinishAsync(
        DescriptorChain chain, ConsoleSlot slot, RateGate gate, CancellationToken reset)
    {
        // A port that was removed takes no output: what is left of the chain is gone.
        while (slot.Port is { } port && !(gate.MayPass() && port.TryTake(chain.Readable, gate)))
        {
            using CancellationTokenRegistration wake = RingAtReset(port.OutputRoom, reset);
            if (reset.IsCancellationRequested) return;
            if (gate.IsThrottled)
            {
                port.Send();
                await gate.WaitAsync().ConfigureAwait(false);
            }
            else
            {
                await port.OutputRoom.WaitAsync().ConfigureAwait(false);
            }
        }
    }

    // --- control messages --------------------------------------------------------------------------------------------

    private static async Task TellAsync(Virtqueue queue, ConsoleControl control, CancellationToken reset)
    {
        using CancellationTokenRegistration wake = RingAtReset(control.Bell, reset);
        while (!reset.IsCancellationRequested)
        {
            if (!control.HasNext) await queue.RestAsync(control.Bell).ConfigureAwait(false);
            else if (await queue.WaitAsync().ConfigureAwait(false)) TellBatch(queue, control);
            else return;
        }
    }

    private static void TellBatch(Virtqueue queue, ConsoleControl control)
    {
        Span<byte> message = stackalloc byte[ConsoleControl.LongestMessage];
        using QueueBatch batch = queue.BeginBatch();
        while (control.HasNext && batch.TryTake(out DescriptorChain? chain))
        {
            // A buffer that is too short for its message is returned empty, and the message is lost: the driver's own
            // doing.
            chain.Writable.TryWrite(message[..control.Compose(message)]);
            batch.Return(chain);
        }
    }

    private async Task HearAsync(Virtqueue queue, ConsoleControl control)
    {
        while (await queue.WaitAsync().ConfigureAwait(false)) HearBatch(queue, control);
    }

    private void HearBatch(Virtqueue queue, ConsoleControl control)
    {
        using QueueBatch batch = queue.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            if (!ConsoleMessage.TryRead(chain.Readable, out ConsoleMessage message) || !control.Hear(message))
                Interlocked.Increment(ref ignoredMessages);
            batch.Return(chain);
        }
    }

    // --- the host's side ---------------------------------------------------------------------------------------------

    private static CancellationTokenRegistration RingAtReset(Doorbell bell, CancellationToken reset) =>
        reset.UnsafeRegister(static bell => ((Doorbell)bell!).Ring(), bell);

    private ConsolePort Attach(ConsoleSlot slot, ConsolePortOptions port)
    {
        ConsolePort added = new(slot.Id, port, options, slot.Arrived, OnPortChanged);
        slot.Port = added;
        return added;
    }

    private void OnPortChanged(ConsolePort port, ConsolePortNews what)
    {
        if (port.Id == 0 && what == ConsolePortNews.Size) TellSize();
        messages?.Tell(port, what);
    }

    /// <summary>Says that the size of the window has changed.</summary>
    /// <remarks>
    /// Linux looks at the size only when it hears so, and not before it has the terminal; the first output shows that
    /// it has.
    /// </remarks>
    private void TellSize()
    {
        sizeUnread = false;
        Span<byte> size = stackalloc byte[ConsoleConfig.SizeBytes];
        ConsoleConfig.WriteSize(size, Primary.Columns, Primary.Rows);
        Config.Update(ConsoleConfig.WindowSize, size);
    }

    /// <summary>Takes the low byte that the driver wrote, a few thousand a second at most.</summary>
    private void OnEmergencyWrite(ReadOnlySpan<byte> value)
    {
        long second = options.Time.GetTimestamp() / options.Time.TimestampFrequency;
        bool allowed;
        lock (changes)
        {
            if (second != emergencySecond) (emergencySecond, emergencyCount) = (second, 0);
            allowed = ++emergencyCount <= EmergencyBytesPerSecond;
        }

        if (allowed && Primary.TryTake(value[..1])) Primary.Send();
        else Interlocked.Increment(ref emergencyDropped);
    }
}
