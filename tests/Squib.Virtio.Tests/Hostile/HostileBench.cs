using Microsoft.Extensions.Logging;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>
/// A real device with one queue under attack, in guest memory with guards, a hole and read-only memory, and another device beside it.
/// </summary>
internal sealed class HostileBench : IDisposable
{
    public const ulong R0 = 0x8000_0000;
    public const int R0Length = 1 << 18;
    public const ulong R1 = 0x8200_0000;
    public const int R1Length = 1 << 14;
    public const ulong R2 = R1 + R1Length;
    public const ulong Rom = 0x7000_0000;
    public const ulong Large = 0x1_0000_0000;
    public const int LargeLength = 4 << 20;
    public const int QueueSize = 8;

    /// <summary>Where victims put the bytes of what they do beside the attack; 8 KiB.</summary>
    public const ulong Scratch = R0 + 0x3_e000;

    /// <summary>The most bytes that one kick allocates, whatever numbers the driver writes.</summary>
    private const long MostAllocated = 256 << 10;

    // Only there to be large: nothing is expected of its bytes.
    private static readonly byte[] LargeBytes = new byte[LargeLength];

    private readonly HostileRam[] ram;
    private readonly FillDevice other = new(QueueSize);
    private readonly RecordingGic gic = new();
    private readonly LineCounter log = new();
    private readonly GuestDriver driver;
    private readonly GuestDriver otherDriver;
    private readonly VirtioMmioTransport transport;
    private readonly VirtioMmioTransport otherTransport;
    private readonly RawRing otherRing;
    private readonly RawRing[] rings;
    private readonly List<(ulong Address, ulong Length)> lent = [];
    private readonly Dictionary<ushort, ulong> pending = [];
    private readonly long firstLook;
    private int tables;

    public HostileBench(Victim victim, int queue, RingFormat format, byte? fill = 0, bool indirect = true)
    {
        Victim = victim;
        Queue = queue;
        Format = format;
        ram = [new(R0, R0Length), new(R1, R1Length), new(R2, R1Length), new(Rom, 4096, readOnly: true)];
        Memory = new([.. ram.Select(r => r.Region), new GuestRegion(Large, LargeBytes)]);
        TransportOptions options = new() { RingPacked = format.IsPacked(), IndirectDescriptors = indirect, EventIndex = fill is not 0 };
        transport = new(victim.Device, Memory, new IrqLine(gic, new Slot(0).Interrupt), options, log);
        otherTransport = new(other, Memory, new IrqLine(gic, new Slot(1).Interrupt), options);
        driver = new(transport, Memory);
        otherDriver = new(otherTransport, Memory);
        rings = [.. Enumerable.Range(0, victim.Device.QueueSizes.Count)
            .Select(i => RawRing.Create(format.IsPacked(), driver, i, QueueSize, R0 + 0x1000 + (0x3000 * (ulong)i)))];
        otherRing = RawRing.Create(format.IsPacked(), otherDriver, 0, QueueSize, R1 + 0x1000);
        Start(otherDriver, otherRing);
        Start();
        FillBuffers(fill);
        firstLook = Ram.LookUps;
    }

    public Victim Victim { get; }

    public int Queue { get; }

    public RingFormat Format { get; }

    public GuestMemory Memory { get; }

    public RawRing Ring => rings[Queue];

    public RawSplitRing Split => (RawSplitRing)Ring;

    public RawPackedRing Packed => (RawPackedRing)Ring;

    public WatchedMemory Ram => ram[0].Watched;

    public bool NeedsReset => (driver.Status & DeviceStatus.NeedsReset) != 0;

    /// <summary>The buffers that the device may still have, and how many bytes it may write.</summary>
    public IReadOnlyDictionary<ushort, ulong> Pending => pending;

    /// <summary>A buffer of a page, number 0 to 15.</summary>
    public static ulong Buffer(int number) => R0 + 0x2_0000 + ((ulong)number * 0x1000);

    /// <summary>A place for a table of up to 1024 descriptors, number 0 or 1; smaller ones, up to 7, overlap.</summary>
    public static ulong Table(int number) => R0 + 0x3_0000 + ((ulong)number * 0x1000);

    public void Write(ulong address, ReadOnlySpan<byte> bytes) => Assert.True(Memory.TryWrite(address, bytes));

    /// <summary>Offers a chain in the format of the bench.</summary>
    public ushort Offer(params ReadOnlySpan<Raw> chain)
    {
        ushort id = Format.IsIndirect() ? Ring.PostIndirect(Table(tables++ % 4), chain) : Ring.Post(chain);
        Expect(id, chain);
        return id;
    }

    /// <summary>Remembers that the device has a chain, and what it may write of it.</summary>
    public void Expect(ushort id, params ReadOnlySpan<Raw> chain)
    {
        ulong bytes = 0;
        foreach (Raw descriptor in chain)
        {
            if (!descriptor.IsWritable) continue;
            lent.Add((descriptor.Address, descriptor.Length));
            bytes += descriptor.Length;
        }

        pending[id] = pending.GetValueOrDefault(id) + bytes;
    }

    /// <summary>Offers the victim's well-formed request.</summary>
    public (ushort Id, Ask Ask) OfferAsk(int queue, bool viaTable = false)
    {
        Ask ask = Victim.Ask(this, queue, Scratch);
        ushort id = viaTable ? rings[queue].PostIndirect(Table(0), ask.Chain) : rings[queue].Post(ask.Chain);
        foreach (Raw descriptor in ask.Chain.Where(d => d.IsWritable)) lent.Add((descriptor.Address, descriptor.Length));
        return (id, ask);
    }

    /// <summary>One exchange of the driver on a queue that is not under attack.</summary>
    public void Exchange(int queue, Raw buffer)
    {
        ushort id = rings[queue].Post(buffer);
        rings[queue].Kick();
        Assert.True(rings[queue].TryTakeUsed(out ushort used, out _), $"Queue {queue} does not answer.");
        Assert.Equal(id, used);
    }

    /// <summary>Makes garbage of the bytes of the victim's request: another one for each seed.</summary>
    public void Spoil(int seed)
    {
        Span<byte> bytes = ram[0].At(Scratch, 44);
        if (seed % 2 == 0) bytes.Fill(0xff);
        else new Random(seed).NextBytes(bytes);
    }

    public void Remember()
    {
        foreach (HostileRam r in ram) r.Remember();
    }

    /// <summary>Lets the device see what was offered, and has it take what it takes only with a reason (G1, G3, G4).</summary>
    public void Kick(Action? begin = null)
    {
        Ring.Publish();
        Remember();
        begin?.Invoke();
        long before = GC.GetAllocatedBytesForCurrentThread();
        long looks = Ram.LookUps;
        Ring.Notify();
        Victim.Stimulate(this, Queue);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= MostAllocated, $"A kick allocated {allocated} bytes.");
        // Each of eight entries may name a table of 1024 descriptors, each of which is looked at once or twice.
        Assert.True(Ram.LookUps - looks <= 4 * QueueSize * 1024, $"A kick looked at memory {Ram.LookUps - looks} times.");
        AssertUntouched();
    }

    /// <summary>Takes what the device has used: what was offered, once, with no more bytes than it had (G5).</summary>
    public List<(ushort Id, uint Length)> Reap()
    {
        List<(ushort, uint)> all = [];
        while (Ring.TryTakeUsed(out ushort id, out uint length))
        {
            Assert.True(pending.Remove(id, out ulong most), $"Buffer {id} was used, which the device does not have.");
            Assert.True(length <= most, $"{length} bytes were written to {most}.");
            all.Add((id, length));
        }

        return all;
    }

    /// <summary>Nothing but the rings and the buffers that were lent for writing has changed since the kick (G2, G5).</summary>
    public void AssertUntouched()
    {
        List<(ulong Address, ulong Length)> allowed = [.. lent, .. Ring.WrittenByDevice, (Scratch, 0x2000)];
        foreach (RawRing ring in rings.Where(ring => ring != Ring)) allowed.Add((ring.Descriptors, 0x3000));
        foreach (HostileRam r in ram)
        {
            ulong? change = r.FindChange(allowed);
            Assert.True(change is null, $"Guest memory changed at 0x{change:x}.");
            Assert.True(r.Watched.GuardsAreIntact, $"Host memory beside the region at 0x{r.Start:x} changed.");
        }
    }

    /// <summary>The device has used nothing since the kick, whatever the driver has written there itself.</summary>
    public void AssertNothingUsed()
    {
        if (Ring is RawPackedRing) Assert.Null(ram[0].FindChange([(R0, Ring.Descriptors - R0), (Ring.DriverArea, R0Length)]));
        else Assert.Empty(Reap());
    }

    /// <summary>Exactly the expected counter has changed (G8).</summary>
    public void AssertDropped(ChainFault expected, long count)
    {
        Virtqueue queue = transport.Session!.Queues[Queue];
        foreach (ChainFault fault in Enum.GetValues<ChainFault>().Where(f => f != ChainFault.None))
            Assert.Equal((fault, fault == expected ? count : 0), (fault, queue.Dropped(fault)));
    }

    /// <summary>The ring is given up, visibly, once, and for this reason alone.</summary>
    public void AssertBroken()
    {
        Assert.True(transport.Session!.Queues[Queue].IsBroken);
        Assert.True(NeedsReset, "DEVICE_NEEDS_RESET is not set.");
        Assert.NotEqual(0u, driver.ReadRegister(MmioRegister.InterruptStatus) & 2);
        Assert.Equal(1, log.Lines);
    }

    /// <summary>A well-formed request is served on a queue of the victim (G6).</summary>
    public void AssertServes(int queue)
    {
        (ushort id, Ask ask) = OfferAsk(queue);
        rings[queue].Kick();
        Victim.Stimulate(this, queue);
        AssertAnswered(queue, id, ask);
    }

    public void AssertAnswered(int queue, ushort id, Ask ask)
    {
        while (true)
        {
            ushort used = 0;
            uint length = 0;
            // Long work goes on on another thread.
            bool served = rings[queue].TryTakeUsed(out used, out length)
                || SpinWait.SpinUntil(() => rings[queue].TryTakeUsed(out used, out length), TimeSpan.FromSeconds(5));
            Assert.True(served, $"Queue {queue} does not serve any more.");
            if (used == id)
            {
                Assert.InRange(length, ask.Least, ask.Most);
                return;
            }

            Assert.True(queue == Queue && pending.Remove(used), $"Buffer {used} of queue {queue} was used out of turn.");
        }
    }

    /// <summary>The other device serves (G7).</summary>
    public void AssertOtherServes()
    {
        ushort id = otherRing.Post(Raw.Out(R1 + 0x3800, 5));
        otherRing.Kick();
        Assert.True(otherRing.TryTakeUsed(out ushort used, out uint length), "The other device does not serve any more.");
        Assert.Equal((id, 5u), (used, length));
    }

    /// <summary>After a reset there is nothing left of the session, and the device serves on all queues (G6, G9).</summary>
    public void AssertRecovers()
    {
        AssertOtherServes();
        Reset();
        Start();
        pending.Clear();
        for (int i = 0; i < rings.Length; i++) AssertServes(i);
        Assert.False(NeedsReset);
        Assert.InRange(log.Lines, 0, 1);
    }

    /// <summary>
    /// All that can be seen of a run in one number: memory, how often it was looked at, registers, counters, and what was logged (G10).
    /// </summary>
    public int Fingerprint()
    {
        HashCode all = default;
        foreach (HostileRam r in ram) all.AddBytes(r.Bytes);
        all.Add(Ram.LookUps - firstLook);
        all.Add(driver.Status);
        all.Add(driver.ReadRegister(MmioRegister.InterruptStatus));
        all.Add(log.Lines);
        foreach (Virtqueue queue in transport.Session!.Queues)
        {
            all.Add(queue.IsBroken);
            foreach (ChainFault fault in Enum.GetValues<ChainFault>()) all.Add(queue.Dropped(fault));
        }

        return all.ToHashCode();
    }

    public void Reset()
    {
        driver.WriteRegister(MmioRegister.Status, 0);
        Assert.Equal(0u, (uint)driver.Status);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.InterruptStatus));
        Assert.Null(transport.Session);
    }

    public void Dispose()
    {
        Ram.LookedUp = null;
        driver.WriteRegister(MmioRegister.Status, 0);
        otherDriver.WriteRegister(MmioRegister.Status, 0);
        foreach (HostileRam r in ram) r.Dispose();
    }

    private void Start()
    {
        Start(driver, rings);
        Victim.Begin(this);
    }

    private static void Start(GuestDriver driver, params RawRing[] rings)
    {
        Assert.True(driver.Probe());
        foreach (RawRing ring in rings)
        {
            ring.Clear();
            ring.Enable();
            Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
        }

        driver.SetDriverOk();
        Assert.Equal(0x0fu, (uint)driver.Status);
    }

    /// <summary>What devices read of requests that only look right: one value, or a different one in each byte.</summary>
    private void FillBuffers(byte? fill)
    {
        Span<byte> buffers = ram[0].At(Buffer(0), 16 * 0x1000);
        if (fill is { } value) buffers.Fill(value);
        else new Random(1).NextBytes(buffers);
    }

    /// <summary>Counts what is logged.</summary>
    private sealed class LineCounter : ILogger
    {
        public int Lines { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines++;
    }
}
