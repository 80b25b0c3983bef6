using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Squib.Virtio.Bus;
using Squib.Virtio.Diagnostics;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Transport;

/// <summary>A virtio-MMIO device on the bus: the registers of version 2 in front of an <see cref="IVirtioDevice"/>.</summary>
/// <remarks>
/// Virtio 1.2, 4.2. Registers are read and written 32 bits at a time, aligned; any other access below 0x100 reads zero, writes nothing
/// and is counted. Nothing that a driver writes raises an exception.
/// </remarks>
public sealed class VirtioMmioTransport : IBusDevice, IQueueEvents, IAsyncDisposable
{
    private const uint Magic = 0x74726976;
    private const DeviceStatus FirstDriverOk =
        DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk | DeviceStatus.DriverOk;

    private static readonly ChainFault[] Faults = Enum.GetValues<ChainFault>();

    private readonly IVirtioDevice device;
    private readonly GuestMemory memory;
    private readonly TransportOptions options;
    private readonly Log log;
    private readonly InterruptStatus interrupt;
    private readonly QueueRegisters[] registers;
    private readonly IRing?[] prepared;

    // What earlier sessions have counted. The lock guards them and the step from one session to the next.
    private readonly Lock counting = new();
    private readonly QueueTotals[] past;
    private readonly long[] droppedBefore = new long[Faults.Length];

    // Guards the life of the session: writes of Status, QueueReady and QueueReset. A reset waits for the device while holding it, so
    // nothing that a device calls takes it. All other registers are single words that need no lock.
    private readonly Lock lifecycle = new();
    private uint status;
    private ulong accepted;
    private ulong negotiated;
    private uint deviceFeaturesSel;
    private uint driverFeaturesSel;
    private uint queueSel;
    private uint shmSel;
    private volatile DriverSession? session;
    private Task running = Task.CompletedTask;
    private bool draining;
    private long badAccesses;
    private long badNotifications;

    /// <summary>Puts a device behind registers.</summary>
    /// <param name="device">The device; a device has one transport in its life.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="line">The wire to the interrupt controller.</param>
    /// <param name="options">What to offer and how to run; by default inline, with INDIRECT_DESC, EVENT_IDX and RING_RESET.</param>
    /// <param name="logger">Where to log; by default nowhere.</param>
    /// <exception cref="ArgumentException">The device offers feature bits that belong to the transport, or a queue of a bad size.</exception>
    public VirtioMmioTransport(
        IVirtioDevice device, GuestMemory memory, IrqLine line, TransportOptions? options = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(line);
        if ((device.Features & TransportFeatureBits) != 0)
            throw new ArgumentException("A device offers bits 0 to 23 and 50 to 63; bits 24 to 49 are the transport's.", nameof(device));
        if (device.QueueSizes.Any(size => size is 0 or > QueueRegisters.MaxQueueSize))
            throw new ArgumentException("A queue has 1 to 32,768 entries.", nameof(device));
        this.device = device;
        this.memory = memory;
        this.options = options ?? new();
        interrupt = new(line);
        registers = [.. device.QueueSizes.Select(size => new QueueRegisters(size))];
        prepared = new IRing?[registers.Length];
        past = new QueueTotals[registers.Length];
        TypeName = ToName(device.Type);
        Name = this.options.Name ?? $"{TypeName}-{line.Id.Raw}";
        log = new(logger ?? NullLogger.Instance, Name, this.options.Time);
        OfferedFeatures = device.Features | this.options.Features;
        device.Config.OnChanged(interrupt.RaiseConfigurationChange);
        Meters.Add(this);
    }

    /// <summary>The device behind the registers.</summary>
    public IVirtioDevice Device => device;

    /// <summary>What measurements and logs call the device.</summary>
    public string Name { get; }

    /// <summary>What measurements call the type of the device.</summary>
    internal string TypeName { get; }

    /// <summary>All feature bits that the driver can accept.</summary>
    public ulong OfferedFeatures { get; }

    /// <summary>The feature bits negotiated at FEATURES_OK; 0 before.</summary>
    public ulong NegotiatedFeatures => Volatile.Read(ref negotiated);

    /// <summary>The device status field.</summary>
    public DeviceStatus Status => (DeviceStatus)Volatile.Read(ref status);

    /// <summary>The session between DRIVER_OK and reset, or null.</summary>
    public DriverSession? Session => session;

    /// <summary>The number of lines of the log that were left out because there were too many of their kind.</summary>
    public long SuppressedLogs => log.Suppressed;

    /// <summary>The number of interrupts raised so far.</summary>
    public long Interrupts => interrupt.Raised;

    /// <summary>The number of register accesses so far that no driver should make.</summary>
    public long BadAccesses => Interlocked.Read(ref badAccesses);

    /// <summary>The number of notifications so far of queues that do not exist.</summary>
    public long BadNotifications => Interlocked.Read(ref badNotifications);

    /// <summary>The number of chains that the device has taken from its queues so far.</summary>
    public long ChainsTaken => CountQueues().Sum(queue => queue.ChainsTaken);

    /// <summary>The number of notifications of queues so far.</summary>
    public long Notifications => CountQueues().Sum(queue => queue.Notifications);

    private static ulong TransportFeatureBits => ((1UL << 50) - 1) & ~((1UL << 24) - 1);

    private bool FeaturesAreSet => (Status & (DeviceStatus.FeaturesOk | DeviceStatus.Failed)) == DeviceStatus.FeaturesOk;

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        if (offset >= MmioRegister.Config)
        {
            device.Config.Read(offset - MmioRegister.Config, data);
            return;
        }

        if (data.Length == sizeof(uint) && offset % sizeof(uint) == 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(data, ReadRegister((int)offset));
            return;
        }

        data.Clear();
        CountBadAccess();
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset >= MmioRegister.Config)
            device.Config.Write(offset - MmioRegister.Config, data);
        else if (data.Length == sizeof(uint) && offset % sizeof(uint) == 0)
            WriteRegister((int)offset, BinaryPrimitives.ReadUInt32LittleEndian(data));
        else
            CountBadAccess();
    }

    /// <summary>Ends the session as a reset does, and waits until the device has come to rest.</summary>
    public async ValueTask DisposeAsync()
    {
        Meters.Remove(this);
        session?.End();
        await running.ConfigureAwait(false);
    }

    /// <summary>The number of chains with one fault that were returned unserved so far.</summary>
    /// <param name="fault">The fault.</param>
    public long Dropped(ChainFault fault)
    {
        lock (counting) return droppedBefore[(int)fault] + (session?.Queues.Sum(queue => queue.Dropped(fault)) ?? 0);
    }

    /// <summary>Tells what the device and its queues have counted.</summary>
    internal void Measure(in Measures to)
    {
        QueueTotals[] queues = CountQueues();
        for (int i = 0; i < queues.Length; i++)
        {
            to.Add(MeasureKind.Chains, queues[i].ChainsTaken, "queue", i);
            to.Add(MeasureKind.Notifications, queues[i].Notifications, "queue", i);
        }

        to.Add(MeasureKind.Interrupts, Interrupts);
        to.Add(MeasureKind.SuppressedLogs, SuppressedLogs);
        to.Errors("bad_access", BadAccesses);
        to.Errors("bad_notification", BadNotifications);
        to.Errors("invalid_notification", queues.Sum(queue => queue.InvalidNotifications));
        foreach (ChainFault fault in Faults.AsSpan(1)) to.Add(MeasureKind.DroppedChains, Dropped(fault), "fault", ToName(fault));
        (device as IMeasuredDevice)?.Measure(to);
    }

    void IQueueEvents.BuffersUsed() => interrupt.RaiseUsedBuffer();

    void IQueueEvents.RingBroken(Virtqueue queue, ChainFault fault)
    {
        log.RingBroken(queue.Index, fault);
        RequireReset();
    }

    private uint ReadRegister(int offset)
    {
        switch (offset)
        {
            case MmioRegister.MagicValue: return Magic;
            case MmioRegister.Version: return 2;
            case MmioRegister.DeviceId: return (uint)device.Type;
            case MmioRegister.VendorId: return options.VendorId;
            case MmioRegister.DeviceFeatures: return SelectWord(OfferedFeatures, deviceFeaturesSel);
            case MmioRegister.QueueNumMax: return Selected is { } q0 ? registers[q0].MaxSize : 0u;
            case MmioRegister.QueueReady: return Selected is { } q1 && IsReady(q1) ? 1u : 0;
            case MmioRegister.QueueReset: return Selected is { } q2 && IsResetting(q2) ? 1u : 0;
            case MmioRegister.InterruptStatus: return interrupt.Pending;
            case MmioRegister.Status: return ReadStatus();
            case MmioRegister.ShmLenLow: return (uint)SelectedSharedMemory.Length;
            case MmioRegister.ShmLenHigh: return (uint)(SelectedSharedMemory.Length >> 32);
            case MmioRegister.ShmBaseLow: return (uint)SelectedSharedMemory.Address;
            case MmioRegister.ShmBaseHigh: return (uint)(SelectedSharedMemory.Address >> 32);
            case MmioRegister.ConfigGeneration: return device.Config.Generation;
            default:
                CountBadAccess();
                return 0;
        }
    }

    private void WriteRegister(int offset, uint value)
    {
        switch (offset)
        {
            case MmioRegister.QueueNotify: Notify(value); break;
            case MmioRegister.InterruptAck: interrupt.Acknowledge(value); break;
            case MmioRegister.DeviceFeaturesSel: deviceFeaturesSel = value; break;
            case MmioRegister.DriverFeatures: AcceptFeatures(value); break;
            case MmioRegister.DriverFeaturesSel: driverFeaturesSel = value; break;
            case MmioRegister.QueueSel: queueSel = value; break;
            case MmioRegister.QueueNum: if (Configurable is { } q0) q0.Size = value; break;
            case MmioRegister.QueueDescLow: if (Configurable is { } q1) q1.DescriptorArea = Low(q1.DescriptorArea, value); break;
            case MmioRegister.QueueDescHigh: if (Configurable is { } q2) q2.DescriptorArea = High(q2.DescriptorArea, value); break;
            case MmioRegister.QueueDriverLow: if (Configurable is { } q3) q3.DriverArea = Low(q3.DriverArea, value); break;
            case MmioRegister.QueueDriverHigh: if (Configurable is { } q4) q4.DriverArea = High(q4.DriverArea, value); break;
            case MmioRegister.QueueDeviceLow: if (Configurable is { } q5) q5.DeviceArea = Low(q5.DeviceArea, value); break;
            case MmioRegister.QueueDeviceHigh: if (Configurable is { } q6) q6.DeviceArea = High(q6.DeviceArea, value); break;
            case MmioRegister.ShmSel: shmSel = value; break;
            case MmioRegister.Status: WriteStatus(value); break;
            case MmioRegister.QueueReady: WriteQueueReady(value); break;
            case MmioRegister.QueueReset: WriteQueueReset(value); break;
            default: CountBadAccess(); break;
        }
    }

    // --- notifications and interrupts -------------------------------------------------------------------------------------------

    private void Notify(uint value)
    {
        // Before DRIVER_OK there is no session: a device looks at its rings once when it starts, so the notification is not lost.
        DriverSession? now = session;
        bool hasData = (negotiated & VirtioFeature.NotificationData) != 0;
        uint index = hasData ? value & 0xffff : value;
        if (index >= (uint)registers.Length)
        {
            Interlocked.Increment(ref badNotifications);
            return;
        }

        if (now is null) return;
        Virtqueue queue = now.AllQueues[index];
        if (hasData) queue.Notify((ushort)(value >> 16));
        else queue.Notify();
    }

    /// <summary>Sets DEVICE_NEEDS_RESET and tells the driver (2.1.2).</summary>
    private void RequireReset()
    {
        Interlocked.Or(ref status, (uint)DeviceStatus.NeedsReset);
        interrupt.RaiseConfigurationChange();
    }

    private void CountBadAccess() => Interlocked.Increment(ref badAccesses);

    // --- features and status ----------------------------------------------------------------------------------------------------

    private void AcceptFeatures(uint value)
    {
        // FEATURES_OK takes a copy; what is written after it changes nothing.
        if (driverFeaturesSel == 0) accepted = Low(accepted, value);
        else if (driverFeaturesSel == 1) accepted = High(accepted, value);
        else if (value != 0) CountBadAccess();
    }

    private uint ReadStatus()
    {
        if (Volatile.Read(ref draining))
        {
            lock (lifecycle) TryFinishReset();
        }

        return Volatile.Read(ref status);
    }

    private void WriteStatus(uint value)
    {
        lock (lifecycle)
        {
            if (draining && !TryFinishReset()) return;
            if (value == 0)
            {
                Reset();
                return;
            }

            // A driver writes back what it read and adds a bit; NEEDS_RESET is not its to set or clear.
            DeviceStatus now = Status;
            DeviceStatus driverBits = now & ~DeviceStatus.NeedsReset;
            DeviceStatus wanted = (DeviceStatus)value & ~DeviceStatus.NeedsReset;
            if ((now & DeviceStatus.Failed) != 0 || wanted == driverBits) return;
            if (wanted == (driverBits | DeviceStatus.Failed))
            {
                Interlocked.Or(ref status, (uint)DeviceStatus.Failed);
                session?.End();
                return;
            }

            if (!IsNextStep(driverBits, wanted))
            {
                CountBadAccess();
                return;
            }

            if (wanted == FirstDriverOk) Activate();
            else if ((wanted & DeviceStatus.FeaturesOk) == 0 || TryNegotiate()) Interlocked.Or(ref status, (uint)wanted);
        }
    }

    /// <summary>The order of initialisation, 3.1.1; no step is left out.</summary>
    private static bool IsNextStep(DeviceStatus from, DeviceStatus to) => (from, to) switch
    {
        (DeviceStatus.None, DeviceStatus.Acknowledge) => true,
        (DeviceStatus.None or DeviceStatus.Acknowledge, DeviceStatus.Acknowledge | DeviceStatus.Driver) => true,
        (DeviceStatus.Acknowledge | DeviceStatus.Driver, FirstDriverOk & ~DeviceStatus.DriverOk) => true,
        (FirstDriverOk & ~DeviceStatus.DriverOk, FirstDriverOk) => true,
        _ => false,
    };

    private bool TryNegotiate()
    {
        ulong features = accepted;
        // MUST (2.2.2, 6.2): FEATURES_OK stays clear for bits that were not offered, without VERSION_1, or if the device cannot.
        bool acceptable =
            (features & ~OfferedFeatures) == 0 && (features & VirtioFeature.Version1) != 0 && device.Accepts(features);
        if (acceptable) Volatile.Write(ref negotiated, features);
        else log.FeaturesRefused(features, OfferedFeatures);
        return acceptable;
    }

    private void Activate()
    {
        RingFeatures features = RingFeatures.From(negotiated);
        bool inline = options.Scheduling == DeviceScheduling.Inline;
        Virtqueue[] queues = new Virtqueue[registers.Length];
        for (int i = 0; i < queues.Length; i++)
        {
            queues[i] = new(i, memory, features, inline, this);
            if (prepared[i] is { } ring) queues[i].Start(ring);
        }

        CancellationTokenSource ending = new();
        DriverSession begun = new(memory, negotiated, queues, ending, Name, log);
        session = begun;
        Interlocked.Or(ref status, (uint)FirstDriverOk);
        interrupt.Enable();
        running = inline ? SuperviseAsync(begun, ending) : Task.Run(() => SuperviseAsync(begun, ending));
    }

    /// <summary>Runs the device; however it ends, it ends here.</summary>
    private async Task SuperviseAsync(DriverSession begun, CancellationTokenSource ending)
    {
        try
        {
            await device.RunAsync(begun, ending.Token).ConfigureAwait(false);
            if (!ending.IsCancellationRequested) throw new InvalidOperationException("The device stopped serving before it was reset.");
        }
        catch (Exception e)
        {
            if (begun.HasFailed || !ending.IsCancellationRequested)
            {
                log.DeviceFailed(e);
                RequireReset();
            }
        }

        // A device that failed may have left chains with its backend; the session is over only when they are back.
        begun.End();
        foreach (Virtqueue queue in begun.Queues)
        {
            while (await queue.WaitAsync().ConfigureAwait(false))
            {
            }
        }
    }

    private void Reset()
    {
        // MUST NOT (2.4.1): from here on nothing interrupts the driver but what is under way.
        interrupt.Reset();
        if (session is { } ended)
        {
            ended.End();
            // Linux does not read Status back, so the write may only retire when the device is silent. Host I/O that does not end
            // must not hold the vCPU for ever, though; the driver then sees a device that is not reset yet (2.4.1).
            if (!running.Wait(options.ResetTimeout))
            {
                log.ResetWaits(options.ResetTimeout);
                Interlocked.Exchange(ref status, (uint)DeviceStatus.NeedsReset);
                Volatile.Write(ref draining, true);
                return;
            }
        }

        FinishReset();
    }

    private bool TryFinishReset()
    {
        if (draining && !running.IsCompleted) return false;
        if (draining) FinishReset();
        return true;
    }

    private void FinishReset()
    {
        lock (counting)
        {
            for (int i = 0; i < past.Length && session is { } over; i++) past[i] = past[i].Plus(over.Queues[i]);
            foreach (ChainFault fault in Faults) droppedBefore[(int)fault] = Dropped(fault);
            session = null;
        }

        // MUST (4.2.2.1): InterruptStatus is clear after a reset, whatever the device has used since that began.
        interrupt.Reset();
        Volatile.Write(ref negotiated, 0);
        accepted = 0;
        deviceFeaturesSel = driverFeaturesSel = queueSel = shmSel = 0;
        Array.Clear(prepared);
        foreach (QueueRegisters queue in registers) queue.Reset();
        Interlocked.Exchange(ref status, 0);
        Volatile.Write(ref draining, false);
    }

    // --- queues -----------------------------------------------------------------------------------------------------------------

    /// <summary>The index of the selected queue, if there is one. Another vCPU may select another at any time: look once.</summary>
    private int? Selected
    {
        get
        {
            uint selected = queueSel;
            return selected < (uint)registers.Length ? (int)selected : null;
        }
    }

    /// <summary>The selected queue, if the driver may change it: a queue that is ready is frozen.</summary>
    private QueueRegisters? Configurable
    {
        get
        {
            if (Selected is { } index && (Status & DeviceStatus.Failed) == 0 && !IsReady(index)) return registers[index];
            CountBadAccess();
            return null;
        }
    }

    private bool IsReady(int index) => session is { } live ? !live.AllQueues[index].IsStopped : prepared[index] is not null;

    private bool IsResetting(int index) => session is { } live && live.AllQueues[index].IsStopping;

    private void WriteQueueReady(uint value)
    {
        lock (lifecycle)
        {
            if (Selected is not { } index || !FeaturesAreSet || value > 1) CountBadAccess();
            else if (value == 0) Disable(index);
            else if (!IsReady(index)) Enable(index, registers[index]);
        }
    }

    private void Enable(int index, QueueRegisters queue)
    {
        IRing? ring = queue.TryCreateRing(memory, RingFeatures.From(negotiated));
        if (ring is null)
        {
            // The driver reads QueueReady back as 0.
            log.QueueRefused(index, queue.Size);
            CountBadAccess();
        }
        else if (session is { } live)
        {
            live.AllQueues[index].Start(ring);
        }
        else
        {
            prepared[index] = ring;
        }
    }

    private void Disable(int index)
    {
        // MUST (4.2.2.2 for drivers): the driver reads the register back until it is 0, which is when nothing is under way.
        if (session is { } live) live.AllQueues[index].Stop();
        else prepared[index] = null;
    }

    private void WriteQueueReset(uint value)
    {
        lock (lifecycle)
        {
            bool allowed = (negotiated & VirtioFeature.RingReset) != 0 && FeaturesAreSet;
            if (Selected is not { } index || !allowed || value != 1)
            {
                CountBadAccess();
                return;
            }

            // MUST (2.6.1.1): all state of the queue is what it was at first; its size and addresses are too. What still has the ring
            // does not look at them.
            registers[index].Reset();
            Disable(index);
        }
    }

    private SharedMemoryRegion SelectedSharedMemory =>
        device.FindSharedMemory(shmSel) ?? new SharedMemoryRegion(ulong.MaxValue, ulong.MaxValue);

    private QueueTotals[] CountQueues()
    {
        lock (counting)
        {
            return session is { } live ? [.. past.Select((before, i) => before.Plus(live.Queues[i]))] : [.. past];
        }
    }

    private static string ToName(Enum word)
    {
        IEnumerable<string> letters = word.ToString().Select((letter, i) => char.IsUpper(letter) && i > 0 ? $"_{letter}" : $"{letter}");
        return string.Concat(letters).ToLowerInvariant();
    }

    private static uint SelectWord(ulong value, uint word) => word < 2 ? (uint)(value >> (int)(32 * word)) : 0;

    private static ulong Low(ulong old, uint value) => (old & ~0xffff_fffful) | value;

    private static ulong High(ulong old, uint value) => (old & 0xffff_ffff) | ((ulong)value << 32);
}
