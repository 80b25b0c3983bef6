using Squib.Fuzz.Engine;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;

namespace Squib.Fuzz.Rings;

/// <summary>
/// One ring format: chains of any shape, fields written by hand, notifications, chains that come back later, queue resets. A model
/// tells what the device must take, what it may write and what must come back; where a script makes that a matter of luck, what
/// remains is that nothing else is written and that the device works after a reset.
/// </summary>
internal sealed class RingTarget : IFuzzTarget
{
    private const int RamBytes = 0x2000;
    private const int MostPieces = 8;
    private const ulong ReadZone = GuestRam.Start + 0x1000;
    private const ulong WriteZone = GuestRam.Start + 0x1800;
    private const int MostActions = 64;

    private static readonly byte[] Pattern = [.. Enumerable.Range(0, 0x800).Select(i => (byte)(i * 167 >> 3))];

    private readonly GuestRam ram = new(RamBytes);
    private readonly RingDevice device = new();
    private readonly FailureLog log = new();
    private readonly VirtioMmioTransport transport;
    private readonly GuestDriver driver;
    private readonly RingSide side;
    private readonly ulong format;
    private readonly List<ExpectedChain> outstanding = [];
    private readonly List<ExpectedChain> taken = [];
    private readonly List<ExpectedChain> held = [];

    // Without IN_ORDER: chains that are back with the queue and were not seen in the ring yet.
    private readonly List<ExpectedChain> returnedNow = [];
    private Script script = new();
    private Behaviour behaviour = new();
    private bool exact;
    private bool runs;
    private bool wasBroken;
    private bool isNewsAnyway;
    private long malformed;

    internal RingTarget(bool packed)
    {
        Name = packed ? "ring-packed" : "ring-split";
        format = packed ? VirtioFeature.RingPacked : 0;
        side = packed ? new PackedSide(ram) : new SplitSide(ram);
        TransportOptions options = new() { RingPacked = packed, InOrder = true, NotificationData = true };
        transport = new(device, ram.Memory, new IrqLine(new RecordingGic(), new Slot(0).Interrupt), options, log);
        driver = new(transport, ram.Memory);
    }

    public string Name { get; }

    public string Purpose => "chains of any shape and fields written by hand, against a model of the ring";

    public int MaxInputBytes => 256;

    public void Run(Script script, Behaviour behaviour)
    {
        this.script = script;
        this.behaviour = behaviour;
        isNewsAnyway = false;
        Begin();
        for (int i = 0; i < MostActions && !script.IsAtEnd; i++) Act();
        if (script.Flag()) ReturnHeld();
        Note();
        End();
    }

    private void Begin()
    {
        ram.Clear();
        Pattern.CopyTo(ram.Main(ReadZone, Pattern.Length));
        device.Begin(script);
        int choice = script.Byte();
        ulong wanted = VirtioFeature.Version1 | VirtioFeature.RingReset | format
            | ((choice & 1) != 0 ? VirtioFeature.EventIndex : 0)
            | ((choice & 2) != 0 ? VirtioFeature.IndirectDescriptors : 0)
            | ((choice & 12) == 4 ? VirtioFeature.InOrder : 0)
            | ((choice & 48) == 16 ? VirtioFeature.NotificationData : 0);
        FindingException.ThrowIf(!driver.Probe(wanted), "The features were refused.");
        runs = false;
        int size = Size();
        if ((choice & 64) != 0) SetUpBadly();
        SetUp(size);
        if ((choice & 128) == 0) Observe(Start, starts: true);
    }

    private int Size() => format != 0 ? 1 + script.Below(RingSide.MaxSize) : 1 << script.Below(7);

    private void Start()
    {
        runs = true;
        driver.SetDriverOk();
    }

    private void SetUp(int size)
    {
        // What is held is not of this ring, and a ring that is stopped has given all back.
        outstanding.Clear();
        held.Clear();
        returnedNow.Clear();
        malformed = device.Queue is { } queue && runs ? Dropped(queue) : 0;
        exact = true;
        wasBroken = (driver.Status & DeviceStatus.NeedsReset) != 0;
        ulong features = driver.Features;
        side.Begin(
            size,
            (features & VirtioFeature.IndirectDescriptors) != 0,
            (features & VirtioFeature.EventIndex) != 0,
            (features & VirtioFeature.InOrder) != 0);
        ram.Remember();
        WriteQueue((uint)size, RingSide.Table, RingSide.DriverArea, RingSide.DeviceArea);
        FindingException.ThrowIf(driver.ReadRegister(MmioRegister.QueueReady) != 1, "A good queue was not enabled.");
    }

    /// <summary>Enables a queue that may be no good, and disables it again.</summary>
    private void SetUpBadly()
    {
        WriteQueue((uint)script.Number(), Area(), Area(), Area());
        behaviour.Saw(driver.ReadRegister(MmioRegister.QueueReady));
        driver.WriteRegister(MmioRegister.QueueReady, 0);
        FindingException.ThrowIf(driver.ReadRegister(MmioRegister.QueueReady) != 0, "A queue that is not in use was not disabled.");
    }

    private ulong Area() => script.Below(6) switch
    {
        0 => RingSide.Table,
        1 => RingSide.DriverArea,
        2 => ram.Next - script.Number(),
        3 => GuestRam.RomStart,
        4 => script.Number(),
        _ => GuestRam.Start + script.Number(),
    };

    private void WriteQueue(uint size, ulong table, ulong driverArea, ulong deviceArea)
    {
        driver.WriteRegister(MmioRegister.QueueSel, 0);
        driver.WriteRegister(MmioRegister.QueueNum, size);
        Write64(MmioRegister.QueueDescLow, table);
        Write64(MmioRegister.QueueDriverLow, driverArea);
        Write64(MmioRegister.QueueDeviceLow, deviceArea);
        driver.WriteRegister(MmioRegister.QueueReady, 1);
    }

    private void Write64(int register, ulong value)
    {
        driver.WriteRegister(register, (uint)value);
        driver.WriteRegister(register + 4, (uint)(value >> 32));
    }

    private void Act()
    {
        switch (script.Below(16))
        {
            case <= 5: Post(); break;
            case <= 8:
                Post();
                side.Publish();
                Observe(() => Notify(side.Position));
                break;
            case 9:
                side.Publish();
                Observe(() => Notify(side.Position));
                break;
            case 10: WriteField(); break;
            case 11: ReturnOne(); break;
            case 12: ram.Store16(RingSide.DriverArea, Suppression()); break;
            case 13: ram.Store16(RingSide.DriverArea + (ulong)(format != 0 ? 2 : 4 + (2 * side.Size)), Suppression()); break;
            case 14: StopQueue(); break;
            default:
                if (!runs) Observe(Start, starts: true);
                else Lie();
                break;
        }
    }

    /// <summary>The notification of a driver that does not tell the truth, and then that of one that does.</summary>
    private void Lie()
    {
        ushort position = (ushort)script.Number();
        isNewsAnyway = side.IsNews(position);
        Observe(() =>
        {
            driver.WriteRegister(MmioRegister.QueueNotify, (uint)position << 16);
            Notify(side.Position);
        });
        isNewsAnyway = false;
    }

    private ushort Suppression() => script.Flag() ? (ushort)script.Below(4) : (ushort)script.Number();

    private void Notify(ushort position)
    {
        bool says = (driver.Features & VirtioFeature.NotificationData) != 0;
        driver.WriteRegister(MmioRegister.QueueNotify, says ? (uint)position << 16 : 0);
    }

    private void Post()
    {
        int shape = script.Byte();
        Span<Piece> pieces = stackalloc Piece[RingSide.MaxSize];
        int count = 1 + (shape % MostPieces);
        int readable = (shape >> 3) % (count + 1);
        bool indirect = (shape & 0x80) != 0;
        for (int i = 0; i < count; i++) pieces[i] = NextPiece(i >= readable);
        if ((shape & 0xc7) == 0xc0)
        {
            // One piece many times: more descriptors, or more bytes, than there may be.
            count = RingSide.MaxSize;
            for (int i = 1; i < count; i++) pieces[i] = pieces[0];
        }

        int oddity = indirect ? script.Byte() % 32 : 0;
        bool posted = indirect ? side.TryPostTable(pieces[..count], oddity, oddity < 6 ? script.Number() : 0) : side.TryPost(pieces[..count]);
        behaviour.Saw(posted ? count + (Math.Min(oddity, 6) << 8) : 0);
    }

    private Piece NextPiece(bool writable)
    {
        ulong zone = writable ? WriteZone : ReadZone;
        int choice = script.Byte();
        uint length = (choice >> 4) switch
        {
            0 => 0,
            < 12 => 1 + ((uint)choice >> 2),
            12 => 512,
            13 => (uint)script.Number(),
            14 => GuestRam.RomBytes,
            _ => GuestRam.NextBytes,
        };
        ulong address = (choice & 15) switch
        {
            < 9 => zone + (ulong)(script.Byte() * 6),
            9 => ram.Next - 8,
            10 or 11 => ram.Next + (ulong)script.Byte(),
            12 => GuestRam.RomStart,
            13 => GuestRam.Start + (script.Number() & 0xfff),
            14 => ram.End - (length % 64),
            _ => script.Number(),
        };
        return new(address, length, writable != ((choice & 0xff) == 0xf7));
    }

    private void WriteField()
    {
        int choice = script.Byte();
        ulong at = (choice & 7) switch
        {
            0 => RingSide.DriverArea + 2,
            1 => RingSide.DriverArea + 4 + (ulong)(2 * script.Below(side.Size)),
            2 => RingSide.DeviceArea + (ulong)(2 * script.Below(64)),
            3 => RingSide.Tables + (ulong)(2 * script.Byte()),
            _ => RingSide.Table + (ulong)(2 * script.Below(Math.Min(256, 8 * side.Size))),
        };
        // What the device has written is the device's to read: a driver that writes it knows no longer what it is told.
        exact &= at is < RingSide.DeviceArea or >= RingSide.Tables;
        ushort old = ram.Load16(at);
        ushort value = (choice >> 4) switch
        {
            < 4 => (ushort)(old + script.Below(5) - 2),
            < 8 => (ushort)(old ^ (1 << script.Below(16))),
            < 12 => (ushort)script.Below(side.Size + 2),
            _ => (ushort)script.Number(),
        };
        ram.Store16(at, value);
    }

    private void ReturnOne()
    {
        if (device.HeldCount == 0) return;
        int at = script.Below(device.HeldCount);
        Observe(() => device.Return(at), () => ReturnModelled(at));
    }

    private void ReturnHeld()
    {
        while (device.HeldCount > 0) Observe(() => device.Return(0), () => ReturnModelled(0));
    }

    private void StopQueue()
    {
        bool byReset = script.Flag();
        driver.WriteRegister(MmioRegister.QueueSel, 0);
        driver.WriteRegister(byReset ? MmioRegister.QueueReset : MmioRegister.QueueReady, byReset ? 1u : 0u);
        bool waits = runs && device.HeldCount > 0;
        FindingException.ThrowIf(driver.ReadRegister(MmioRegister.QueueReady) != (waits ? 1u : 0), "QueueReady is not as it should be.");
        FindingException.ThrowIf(driver.ReadRegister(MmioRegister.QueueReset) != (waits ? 1u : 0), "QueueReset is not as it should be.");
        behaviour.Saw(waits ? 1 : 0);
        while (device.HeldCount > 0) device.Return(0);
        FindingException.ThrowIf(driver.ReadRegister(MmioRegister.QueueReady) != 0, "A queue that has all its chains back is not disabled.");
        SetUp(Size());
        if (runs) Observe(() => { });
    }

    /// <summary>Does something and compares what comes of it with what the model says.</summary>
    private void Observe(Action action, Action? modelled = null, bool starts = false)
    {
        exact &= !side.LooksUsed();
        bool live = runs || starts;
        bool broken = side.IsBroken;
        int ordinal = 0;
        taken.Clear();
        device.Taken.Clear();
        side.MarkUsed();
        if (exact) modelled?.Invoke();
        bool looks = live && !broken && (modelled is not null || starts || IsNews());
        if (exact && looks)
        {
            int lent = 0;
            foreach (ExpectedChain chain in outstanding) lent += chain.Slots;
            side.Take(lent, IsInFlight, chain => Serve(chain, ref ordinal));
            exact &= !side.IsUncertain;
        }

        foreach (ExpectedChain chain in taken) exact &= !TouchesRing(chain);
        // A driver that has more chains out than the ring has entries loses what comes back first.
        exact &= outstanding.Count + returnedNow.Count <= side.Size;
        driver.WriteRegister(MmioRegister.InterruptAck, 1);
        action();
        log.Check();
        if (exact) Compare(live && looks);
        ram.CheckBounds();
    }

    private bool IsNews() => isNewsAnyway || (driver.Features & VirtioFeature.NotificationData) == 0 || side.IsNews(side.Position);

    private bool? IsInFlight(ushort id)
    {
        foreach (ExpectedChain chain in outstanding)
        {
            if (chain.Id != id) continue;
            // With IN_ORDER a chain is with the device until its batch ends, and where that is the device decides.
            return side.InOrder && (chain.IsReturned || taken.Contains(chain)) ? null : true;
        }

        return false;
    }

    private bool Serve(ExpectedChain chain, ref int ordinal)
    {
        taken.Add(chain);
        outstanding.Add(chain);
        if (chain.IsMalformed)
        {
            chain.IsReturned = true;
            malformed++;
        }
        else
        {
            RingDevice.Plan plan = device.PlanFor(ordinal++);
            chain.UsedLength = plan.UsedLength(chain.WriteBytes);
            chain.HasStatus = plan.HasStatus(chain.WriteBytes);
            chain.IsReturned = !plan.Holds;
            if (plan.Holds) held.Add(chain);
        }

        if (chain.IsReturned) Returned(chain);
        return chain.IsReturned;
    }

    private void Returned(ExpectedChain chain)
    {
        chain.IsReturned = true;
        if (side.InOrder || !outstanding.Remove(chain)) return;
        returnedNow.Add(chain);
    }

    private void ReturnModelled(int at)
    {
        Returned(held[at]);
        held.RemoveAt(at);
    }

    private bool TouchesRing(ExpectedChain chain)
    {
        if (chain.IsMalformed) return false;
        ulong end = side.HasTableAtEnd ? ram.Next - 32 : ulong.MaxValue;
        foreach (Piece piece in chain.Pieces)
        {
            if (piece.IsWritable && piece.Length > 0 && (piece.Address < WriteZone || piece.Address + piece.Length > end)) return true;
        }

        return false;
    }

    private void Compare(bool live)
    {
        CompareTaken();
        Allow();
        int reported = 0;
        while (side.TryReadUsed(out uint id, out uint length))
        {
            Report(id, length);
            FindingException.ThrowIf(++reported > RingSide.MaxSize, "More chains come back than there are.");
        }

        // A ring that breaks is left alone at once, with what was not yet published.
        if (side.IsBroken) outstanding.RemoveAll(chain => chain.IsReturned);
        if (side.IsBroken) returnedNow.Clear();
        bool all = returnedNow.Count == 0 && (outstanding.Count == 0 || !outstanding[0].IsReturned);
        FindingException.ThrowIf(!all, "A chain that the device has returned does not come back.");
        bool needsReset = (driver.Status & DeviceStatus.NeedsReset) != 0;
        FindingException.ThrowIf(needsReset != (wasBroken || side.IsBroken), "DEVICE_NEEDS_RESET does not say whether the ring is broken.");
        if (side.IsBroken) return;
        ram.CheckUnchanged();
        bool raised = (driver.ReadRegister(MmioRegister.InterruptStatus) & 1) != 0;
        bool? wanted = reported > 0 ? side.WantsInterrupt() : false;
        FindingException.ThrowIf(wanted is { } wants && wants != raised, raised ? "An interrupt was not wanted." : "An interrupt is missing.");
        FindingException.ThrowIf(live && !side.AsksForNotification(), "The device does not ask to be notified of the next chain.");
        if (live && device.Queue is { } queue)
            FindingException.ThrowIf(Dropped(queue) != malformed, "Another number of chains was dropped than are malformed.");
    }

    private void CompareTaken()
    {
        int seen = 0;
        foreach (ExpectedChain chain in taken)
        {
            if (chain.IsMalformed) continue;
            FindingException.ThrowIf(seen == device.Taken.Count, "A chain was not taken.");
            (ushort id, long reads, long writes, uint sum) = device.Taken[seen++];
            bool same = id == chain.Id && reads == chain.ReadBytes && writes == chain.WriteBytes;
            FindingException.ThrowIf(!same, "A chain is not what stands in the ring.");
            FindingException.ThrowIf(!IsReadOnlyZone(chain) ? false : sum != SumOf(chain), "Other bytes were read than the driver wrote.");
        }

        FindingException.ThrowIf(seen != device.Taken.Count, "A chain was taken that is not there.");
    }

    // Bytes that the device writes meanwhile may be read by it as well.
    private static bool IsReadOnlyZone(ExpectedChain chain)
    {
        foreach (Piece piece in chain.Pieces)
        {
            if (!piece.IsWritable && (piece.Address is < ReadZone or >= WriteZone || piece.Address + piece.Length > WriteZone)) return false;
        }

        return true;
    }

    private uint SumOf(ExpectedChain chain)
    {
        uint sum = 0;
        int left = RingDevice.ComparedBytes;
        Span<byte> bytes = stackalloc byte[RingDevice.ComparedBytes];
        foreach (Piece piece in chain.Pieces)
        {
            if (piece.IsWritable) break;
            int here = (int)Math.Min((uint)left, piece.Length);
            ram.Memory.TryRead(piece.Address, bytes[..here]);
            foreach (byte value in bytes[..here]) sum = (sum * 31) + value;
            left -= here;
        }

        return sum;
    }

    /// <summary>Lets the ring and the buffers be changed, these as far as the device has filled them.</summary>
    private void Allow()
    {
        ram.Allow(RingSide.DeviceArea, format != 0 ? 4 : (ulong)(6 + (8 * side.Size)));
        if (format != 0) ram.Allow(RingSide.Table, (ulong)(16 * side.Size));
        foreach (ExpectedChain chain in taken)
        {
            if (chain.IsMalformed) continue;
            ulong left = chain.UsedLength;
            foreach (Piece piece in chain.Pieces)
            {
                if (!piece.IsWritable) continue;
                ulong here = Math.Min(left, piece.Length);
                ram.Allow(piece.Address, here);
                left -= here;
            }

            if (chain.HasStatus) AllowLastByte(chain);
        }
    }

    private void AllowLastByte(ExpectedChain chain)
    {
        for (int i = chain.Pieces.Count - 1; i >= 0; i--)
        {
            Piece last = chain.Pieces[i];
            if (last.Length == 0) continue;
            ram.Allow(last.Address + last.Length - 1, 1);
            return;
        }
    }

    private void Report(uint id, uint length)
    {
        List<ExpectedChain> from = side.InOrder ? outstanding : returnedNow;
        int chains = 0;
        int slots = 0;
        while (true)
        {
            int at = side.InOrder ? 0 : Find(from, id, length);
            if (at < 0 || at >= from.Count)
                throw new FindingException($"Chain {id} comes back with {length} bytes, and the device has: {Describe(from)}.");
            ExpectedChain chain = from[at];
            FindingException.ThrowIf(!chain.IsReturned, "A chain comes back that the device has not returned.");
            from.RemoveAt(at);
            chains++;
            slots += chain.Slots;
            side.Free(chain);
            bool isLast = chain.Id == id && (chain.UsedLength == length || !chain.IsFull);
            if (isLast)
            {
                FindingException.ThrowIf(chain.UsedLength != length, "A chain comes back with another length.");
                break;
            }

            // MUST (2.7.9): those before the one that is reported were filled.
            FindingException.ThrowIf(!chain.IsFull, "A chain that was not filled is passed over.");
        }

        side.Consume(chains, slots);
    }

    private static int Find(List<ExpectedChain> chains, uint id, uint length)
    {
        for (int i = 0; i < chains.Count; i++)
        {
            if (chains[i].Id == id && chains[i].UsedLength == length) return i;
        }

        return -1;
    }

    private static string Describe(List<ExpectedChain> chains) => string.Join(
        ", ", chains.Select(chain => $"{chain.Id} ({chain.Slots} slots, {chain.UsedLength}{(chain.IsReturned ? " returned" : "")})"));

    private static long Dropped(Virtqueue queue)
    {
        long sum = 0;
        for (ChainFault fault = ChainFault.None; fault <= ChainFault.EndUnknown; fault++) sum += queue.Dropped(fault);
        return sum;
    }

    private void Note()
    {
        behaviour.Saw(exact ? 1 : 0);
        behaviour.Saw((long)driver.Status);
        behaviour.Saw((long)(driver.Features >> 28));
        behaviour.SawAbout((ulong)side.Size);
        if (device.Queue is not { } queue || !runs) return;
        for (ChainFault fault = ChainFault.None; fault <= ChainFault.EndUnknown; fault++)
        {
            long features = (long)(driver.Features >> 28) << 8;
            if (queue.Dropped(fault) is var count and > 0) behaviour.Saw(((int)fault * 4) + Math.Min(3, count) + features);
        }

        behaviour.SawAbout((ulong)queue.ChainsTaken);
        behaviour.SawAbout((ulong)queue.Interrupts);
        behaviour.SawAbout((ulong)queue.InvalidNotifications);
        behaviour.Saw((device.HeldCount * 2) + (queue.IsBroken ? 1 : 0));
        foreach ((_, long reads, long writes, _) in device.Taken)
        {
            behaviour.SawAbout((ulong)reads);
            behaviour.SawAbout((ulong)writes);
        }
    }

    /// <summary>Whatever has happened: after a reset the device is as new.</summary>
    private void End()
    {
        driver.Reset();
        FindingException.ThrowIf(driver.Status != 0, "The reset has not ended.");
        FindingException.ThrowIf(device.HeldCount != 0, "The reset has ended while chains are out.");
        device.BeginPlainly();
        FindingException.ThrowIf(!driver.Probe(VirtioFeature.Version1 | format), "The features were refused.");
        runs = false;
        SetUp(4);
        Start();
        Span<Piece> pieces = [new(ReadZone, 24, IsWritable: false), new(WriteZone, 40, IsWritable: true)];
        FindingException.ThrowIf(!side.TryPost(pieces), "There is no room in an empty ring.");
        side.Publish();
        Observe(() => Notify(0));
        FindingException.ThrowIf(taken.Count != 1 || !exact, "A good request is not served after a reset.");
        driver.Reset();
        log.Check();
    }
}
