using Squib.Fuzz.Engine;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;

namespace Squib.Fuzz.Devices;

/// <summary>
/// A device behind its transport, and a driver whose requests are cut, placed and spoilt as a script says. Whatever the driver does is
/// done under <see cref="Observe"/>: no exception, no failed device, and nothing written but what was lent.
/// </summary>
internal sealed class DeviceBench
{
    private const int RamBytes = 0x2_0000;
    private const ulong Arena = GuestRam.Start + 0x1_0000;
    private const int MostPieces = 16;

    private readonly FailureLog log = new();
    private readonly RecordingGic gic = new();
    private readonly VirtioMmioTransport transport;
    private readonly Dictionary<(int Queue, ushort Id), DriverSegment[]> lent = [];
    private readonly Dictionary<(int Queue, ushort Id), int> slots = [];
    private readonly Dictionary<(int Queue, ushort Id), int> kinds = [];
    private ulong nextBuffer;
    private int lastStep;
    private string? violation;

    internal DeviceBench(Func<GuestRam, IVirtioDevice> create)
    {
        Ram = new(RamBytes);
        TransportOptions options = new() { RingPacked = true, InOrder = true, NotificationData = true };
        transport = new(create(Ram), Ram.Memory, new IrqLine(gic, new Slot(0).Interrupt, IrqTrigger.Level), options, log);
        Driver = new(transport, Ram.Memory);
    }

    internal GuestRam Ram { get; }

    internal GuestDriver Driver { get; private set; }

    internal Script Script { get; private set; } = new();

    internal Behaviour Behaviour { get; private set; } = new();

    /// <summary>Whether the device may be at work on another thread, so that what it writes and when is not known.</summary>
    internal bool IsElsewhere { get; set; }

    /// <summary>How many pairs of steps are told apart, as a power of two: more of them make a larger corpus.</summary>
    internal int PairBits { get; init; } = 11;

    /// <summary>Which kind of request the readable bytes of a buffer are; it is noted together with the answer.</summary>
    internal KindReader KindOf { get; init; } = (_, _) => 0;

    /// <summary>Told of every buffer that came back, before its memory is used again.</summary>
    internal Action<int, UsedBuffer> Returned { get; set; } = (_, _) => { };

    /// <summary>Notes a step, and which one it follows.</summary>
    internal void Step(int what)
    {
        Behaviour.Saw(what);
        // Few places for the many pairs that there are, or a corpus would grow without end.
        uint pair = ((uint)lastStep * 31) + (uint)what;
        Behaviour.Saw((pair * 0x9e37_79b1u) >> (32 - PairBits));
        lastStep = what;
    }

    /// <summary>Negotiates what the script says, and sets queues up.</summary>
    internal void Begin(Script script, Behaviour behaviour)
    {
        Script = script;
        Behaviour = behaviour;
        Ram.Clear();
        lastStep = 0;
        int ring = script.Byte();
        ulong wanted = VirtioFeature.Version1 | VirtioFeature.RingReset
            | ((ring & 1) != 0 ? VirtioFeature.RingPacked : 0)
            | ((ring & 2) == 0 ? VirtioFeature.EventIndex : 0)
            | ((ring & 4) == 0 ? VirtioFeature.IndirectDescriptors : 0)
            | ((ring & 0x18) == 0x18 ? VirtioFeature.InOrder : 0)
            | ((ring & 0x20) != 0 ? VirtioFeature.NotificationData : 0);
        int own = script.Byte();
        ulong features = own switch { < 96 => ulong.MaxValue, < 128 => 0, < 192 => ~(1UL << (own % 64)), _ => script.Number() };
        features &= transport.Device.Features;
        Connect();
        bool accepted = Driver.Probe(wanted | features);
        behaviour.Saw(accepted ? 1 : 0);
        if (!accepted) FindingException.ThrowIf(!Driver.Probe(wanted), "A driver without features is refused.");
        for (int bit = 0; bit < 64; bit++) behaviour.Saw((bit * 2) + (long)(transport.NegotiatedFeatures >> bit & 1));
        int size = 4 << (ring >> 6);
        int omitted = script.Byte() is var choice && choice >= 224 ? choice : -1;
        SetUpQueues(size, omitted);
        Observe(Driver.SetDriverOk);
    }

    /// <summary>Resets the device, whatever it is doing, and starts it again with all that it has.</summary>
    internal void Restart()
    {
        Reset();
        Connect();
        FindingException.ThrowIf(!Driver.Probe(transport.Device.Features | VirtioFeature.Version1), "All features together are refused.");
        SetUpQueues(8, -1);
        Observe(Driver.SetDriverOk);
    }

    internal void Reset()
    {
        Driver.Reset();
        FindingException.ThrowIf(Driver.Status != 0, "The reset has not ended.");
        log.Check();
        Ram.CheckBounds();
    }

    /// <summary>Puts a request into a queue, with as many bytes lent for writing, cut as the script says.</summary>
    /// <returns>The id of the buffer, or null if there is no room.</returns>
    internal ushort? Post(int queue, ReadOnlySpan<byte> readable, int writable) => Post(queue, readable, writable, Script.Byte());

    /// <summary>Puts a request into a queue, cut in a certain way; 0 is the simplest.</summary>
    internal ushort? Post(int queue, ReadOnlySpan<byte> readable, int writable, int layout)
    {
        if (Find(queue) is not { } driverQueue) return null;
        Span<DriverSegment> pieces = stackalloc DriverSegment[MostPieces];
        int count = 0;
        Cut(pieces, ref count, readable.Length, 1 + (layout & 3), writes: false, readable);
        Cut(pieces, ref count, writable, 1 + (layout >> 2 & 3), writes: true, default);
        if (count == 0) return null;
        if ((layout & 0xc0) == 0xc0) Spoil(pieces[..count]);
        bool indirect = (layout & 0x10) != 0 && (Driver.Features & VirtioFeature.IndirectDescriptors) != 0;
        int needed = indirect ? 1 : count;
        int used = 0;
        foreach (((int at, _), int taken) in slots) used += at == queue ? taken : 0;
        if (used + needed > driverQueue.Size) return null;
        ushort id = driverQueue.Add(pieces[..count], indirect);
        lent[(queue, id)] = pieces[..count].ToArray();
        slots[(queue, id)] = needed;
        kinds[(queue, id)] = KindOf(queue, readable) & 0xf_ffff;
        return id;
    }

    /// <summary>Notifies the device and takes what comes back.</summary>
    internal void Kick(int queue)
    {
        if (Find(queue) is not { } driverQueue) return;
        driverQueue.Publish();
        Observe(driverQueue.Notify);
    }

    /// <summary>Does something that may make the device work.</summary>
    internal void Observe(Action action)
    {
        Ram.Remember();
        action();
        Check();
        ReapAll();
        Driver.HandleInterrupt();
    }

    /// <summary>
    /// Notifies the device of so much work that it goes on elsewhere, and resets it when the work is done: only after that it is known
    /// to have come to rest.
    /// </summary>
    internal void KickAndRestart(int queue)
    {
        if (Find(queue) is not { } driverQueue) return;
        driverQueue.Publish();
        driverQueue.Notify();
        bool ended = SpinWait.SpinUntil(
            () =>
            {
                ReapAll();
                return driverQueue.InFlight == 0;
            },
            TimeSpan.FromSeconds(10));
        FindingException.ThrowIf(!ended, "The device does not come to an end.");
        Restart();
    }

    /// <summary>Remembers that something is wrong, for those whom a device calls: it keeps exceptions from going further.</summary>
    internal void Require(bool good, string what)
    {
        if (!good) violation ??= what;
    }

    /// <summary>The number of buffers that the device has of one queue.</summary>
    internal int InFlight(int queue) => Find(queue)?.InFlight ?? 0;

    /// <summary>Does what is not about one device: interrupts, configuration, a queue that is stopped.</summary>
    internal void ActGenerally()
    {
        switch (Script.Below(5))
        {
            case 0:
                WriteConfig();
                break;
            case 1:
                Span<byte> value = stackalloc byte[8];
                int width = 1 << Script.Below(4);
                transport.Read(MmioRegister.Config + (Script.Number() & 0xff), value[..width]);
                break;
            case 2:
                if (Any() is { } queue) queue.WantsInterrupts = Script.Flag();
                break;
            case 3:
                if (Any() is { } stopped) Stop(stopped);
                break;
            default:
                if (Any() is { } notified) Observe(notified.Notify);
                break;
        }
    }

    /// <summary>Notes how things stand at the end.</summary>
    internal void End()
    {
        Behaviour.Saw((long)Driver.Status);
        foreach (DriverQueue queue in Driver.Queues) Behaviour.Saw((queue.Index * 64) + Math.Min(queue.InFlight, 4));
    }

    private void Connect()
    {
        Driver = new(transport, Ram.Memory);
        lent.Clear();
        slots.Clear();
        nextBuffer = Arena;
    }

    private void SetUpQueues(int size, int omitted)
    {
        for (int i = 0; i < transport.Device.QueueSizes.Count; i++)
        {
            if (omitted < 0 || omitted % transport.Device.QueueSizes.Count != i)
                Driver.SetUpQueue(i, Math.Min(size, transport.Device.QueueSizes[i]));
        }
    }

    private void WriteConfig()
    {
        Span<byte> value = stackalloc byte[8];
        int width = 1 << Script.Below(4);
        ulong offset = Script.Below(4) != 0 ? (ulong)Script.Below(64) : Script.Number();
        Script.Number(value);
        byte[] bytes = value[..width].ToArray();
        if (offset < ulong.MaxValue - 0x1000) Observe(() => transport.Write(MmioRegister.Config + offset, bytes));
    }

    private void Stop(DriverQueue queue)
    {
        Observe(() => SelectQueue(queue.Index, MmioRegister.QueueReset, 1));
        bool waits = Driver.ReadRegister(MmioRegister.QueueReady) != 0;
        Behaviour.Saw(waits ? 1 : 0);
        if (waits) return;
        Forget(queue.Index);
        // The device may go on at once, with buffers of other queues.
        Driver.SetUpQueue(queue.Index, queue.Size);
        Observe(() => { });
    }

    private void SelectQueue(int queue, int register, uint value)
    {
        Driver.WriteRegister(MmioRegister.QueueSel, (uint)queue);
        Driver.WriteRegister(register, value);
    }

    private void Forget(int queue)
    {
        foreach ((int, ushort) key in lent.Keys.Where(key => key.Queue == queue).ToArray())
        {
            lent.Remove(key);
            slots.Remove(key);
        }
    }

    private DriverQueue? Any() => Driver.Queues.Count == 0 ? null : Driver.Queues[Script.Below(Driver.Queues.Count)];

    private DriverQueue? Find(int index)
    {
        foreach (DriverQueue queue in Driver.Queues)
        {
            if (queue.Index == index) return queue;
        }

        return null;
    }

    private void Check()
    {
        string? found = violation;
        violation = null;
        FindingException.ThrowIf(found is not null, found ?? "");
        log.Check();
        bool packed = (Driver.Features & VirtioFeature.RingPacked) != 0;
        foreach (DriverQueue queue in Driver.Queues)
        {
            Ram.Allow(queue.DeviceArea, packed ? 4 : (ulong)(6 + (8 * queue.Size)));
            if (packed) Ram.Allow(queue.DescriptorArea, (ulong)(16 * queue.Size));
        }

        foreach (DriverSegment[] segments in lent.Values)
        {
            foreach (DriverSegment segment in segments)
            {
                if (segment.IsWritable) Ram.Allow(segment.Address, segment.Length);
            }
        }

        if (!IsElsewhere) Ram.CheckUnchanged();
        Ram.CheckBounds();
    }

    /// <summary>Whether a buffer lies over one that is returned later, or not yet: what is in it may be of another request.</summary>
    internal bool IsLentAgain(UsedBuffer used) => used.Segments.Any(segment => lent.Values.SelectMany(other => other)
        .Any(other => segment.Address < other.Address + other.Length && other.Address < segment.Address + segment.Length));

    private void ReapAll()
    {
        foreach (DriverQueue queue in Driver.Queues)
        {
            while (queue.TryReap(out UsedBuffer? used))
            {
                long room = 0;
                foreach (DriverSegment segment in used.Segments) room += segment.IsWritable ? segment.Length : 0;
                FindingException.ThrowIf(used.Length > room, "More bytes are said to be written than there is room for.");
                Behaviour.SawAbout((ulong)used.Length + ((ulong)queue.Index << 40));
                // The last byte often is a status; other bytes are anything.
                int status = used.Written.Length > 0 ? Math.Min((int)used.Written[^1], 9) : 10;
                Step((queue.Index << 24) | (kinds.GetValueOrDefault((queue.Index, used.Id)) << 4) | status);
                lent.Remove((queue.Index, used.Id));
                slots.Remove((queue.Index, used.Id));
                Returned(queue.Index, used);
            }

            queue.RequestInterrupt();
        }
    }

    private void Cut(Span<DriverSegment> pieces, ref int count, int length, int parts, bool writes, ReadOnlySpan<byte> bytes)
    {
        for (int part = 0; part < parts && length > 0; part++)
        {
            int here = part + 1 == parts ? length : Math.Min(length, 1 + (part * 5) + (length / (parts + 1)));
            ulong address = Buffer(here);
            if (!writes)
            {
                Ram.Memory.TryWrite(address, bytes[..here]);
                bytes = bytes[here..];
            }

            pieces[count++] = new(address, (uint)here, writes);
            length -= here;
        }
    }

    /// <summary>Makes one piece of a request something that it should not be.</summary>
    private void Spoil(Span<DriverSegment> pieces)
    {
        ref DriverSegment piece = ref pieces[Script.Below(pieces.Length)];
        piece = Script.Below(6) switch
        {
            0 => piece with { IsWritable = !piece.IsWritable },
            1 => piece with { Address = GuestRam.RomStart },
            2 => piece with { Length = 0 },
            3 => piece with { Address = Script.Number() },
            4 => piece with { Address = Ram.Next - Math.Min(piece.Length, 7) },
            _ => piece with { Length = 1 + (piece.Length / 2) },
        };
        // Rings over which buffers lie are another target's.
        if (piece.IsWritable && piece.Address is >= GuestRam.Start and < Arena) piece = piece with { Address = Arena };
    }

    // Buffers lie one behind the other, and over each other when a script wants more than there is.
    private ulong Buffer(int bytes)
    {
        if (nextBuffer + (ulong)bytes > Ram.End) nextBuffer = Arena;
        FindingException.ThrowIf(Arena + (ulong)bytes > Ram.End, "A target wants larger buffers than there are.");
        ulong address = nextBuffer;
        nextBuffer += (ulong)(bytes + 7) & ~7UL;
        return address;
    }
}
