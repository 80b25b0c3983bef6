using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>
/// Two devices on one guest memory with guards, holes and read-only memory, and the checks that hold in every case.
/// </summary>
internal sealed class Bench : IDisposable
{
    public const ulong R0 = 0x8000_0000;
    public const int R0Length = 16 << 20;
    public const ulong R1 = 0x8200_0000;
    public const int R1Length = 4 << 20;
    public const ulong R2 = R1 + R1Length;
    public const int R2Length = 1 << 20;
    public const ulong Rom = 0x7000_0000;
    public const int RomLength = 1 << 16;

    private readonly GuardedRam[] ram;
    private readonly FillDevice other = new(8);
    private readonly GuestDriver otherDriver;
    private readonly RawRing otherRing;
    private readonly List<Raw> offered = [];
    private readonly Dictionary<ushort, List<Raw>> buffers = [];
    private int tables;
    public Bench(
        RingFormat format, int size = 8, IVirtioDevice? device = null, TransportOptions? options = null, IrqTrigger trigger = IrqTrigger.Edge)
    {
        Format = format;
        ram = [new(R0, R0Length), new(R1, R1Length), new(R2, R2Length), new(Rom, RomLength, readOnly: true)];
        Memory = new(ram.Select(r => r.Region));
        options = (options ?? new()) with { RingPacked = format.IsPacked() };
        Device = device ?? new FillDevice((ushort)size, 8);
        (_, Transport, Gic) = GuestDriver.Attach(Device, options, Memory, trigger);
        Driver = new(Transport, Memory, scratch: R0 + 0xc0_0000);
        Ring = RawRing.Create(format.IsPacked(), Driver, 0, size, size <= 256 ? R0 + 0x1000 : R0 + 0x10_0000);
        Second = RawRing.Create(format.IsPacked(), Driver, 1, 8, R0 + 0x4000);
        (otherDriver, OtherTransport, _) = GuestDriver.Attach(other, options, Memory);
        otherRing = RawRing.Create(format.IsPacked(), otherDriver, 0, 8, R1 + 0x1000);
        Start();
        StartDevice(otherDriver, otherRing);
    }

    public RingFormat Format { get; }

    public GuestMemory Memory { get; }

    public IVirtioDevice Device { get; }

    public FillDevice Fill => (FillDevice)Device;

    public GuestDriver Driver { get; }

    public VirtioMmioTransport Transport { get; }

    public VirtioMmioTransport OtherTransport { get; }

    public RecordingGic Gic { get; }

    public RawRing Ring { get; }

    /// <summary>The ring of the device's second queue.</summary>
    public RawRing Second { get; }

    public RawSplitRing Split => (RawSplitRing)Ring;

    public RawPackedRing Packed => (RawPackedRing)Ring;

    public Virtqueue Queue => Transport.Session!.Queues[0];

    public bool NeedsReset => (Driver.Status & DeviceStatus.NeedsReset) != 0;

    /// <summary>A buffer that no other has: number 0 to 9, up to 16 KiB long.</summary>
    public static ulong Buffer(int number) => R0 + 0x8000 + ((ulong)number * 0x4000);

    /// <summary>A place for a table of descriptors.</summary>
    public static ulong Table(int number) => R0 + 0x40_0000 + ((ulong)number * 0x4000);

    /// <summary>Initialises the device as a driver does, with both queues.</summary>
    public void Start()
    {
        StartDevice(Driver, Ring, Second);
        Assert.Equal(0x0fu, (uint)Driver.Status);
    }

    /// <summary>The same while somebody writes over the rings, which may break them at once.</summary>
    public void StartAnyhow() => StartDevice(Driver, Ring, Second);

    /// <summary>Offers a chain in the format of the bench and remembers what the device may write.</summary>
    public ushort Offer(params ReadOnlySpan<Raw> chain)
    {
        ushort id = Format.IsIndirect() ? Ring.PostIndirect(Table(tables++ % 256), chain) : Ring.Post(chain);
        Allow(id, chain);
        return id;
    }

    /// <summary>Remembers that the device may write the writable buffers of a chain.</summary>
    public void Allow(ushort id, params ReadOnlySpan<Raw> chain)
    {
        buffers[id] = [.. chain];
        offered.AddRange(chain);
    }

    /// <summary>Writes into the memory that is read-only to devices, as a host does.</summary>
    public Span<byte> RomBytes => ram[3].Bytes;

    public void Remember()
    {
        foreach (GuardedRam r in ram) r.Remember();
    }

    /// <summary>
    /// Kicks and expects that a malformed chain, offered before, is returned with length 0 and that service goes on.
    /// </summary>
    public void KickAndExpectDrop(ChainFault fault, ushort id, bool ringIsFull = false)
    {
        long served = Fill.Requests;
        offered.Clear();
        ushort good = ringIsFull ? (ushort)0 : Offer(Raw.In(Buffer(8), 16), Raw.Out(Buffer(9), 20));
        Memory.TryWrite(Buffer(8), "0123456789abcdef"u8);
        Kick();
        AssertUsed(id, 0);
        if (!ringIsFull) AssertUsed(good, 20);
        AssertNothingUsed();
        Assert.Equal(served + (ringIsFull ? 0 : 1), Fill.Requests);
        AssertFaults(fault, 1);
        AssertUntouched();
        Assert.False(NeedsReset);
        AssertHealthy();
    }

    /// <summary>The same once more on a queue that has counted such chains before.</summary>
    public void KickAndExpectDropAgain(ChainFault fault, ushort id, long count)
    {
        offered.Clear();
        Kick();
        AssertUsed(id, 0);
        AssertNothingUsed();
        AssertFaults(fault, count);
        AssertUntouched();
        AssertHealthy();
    }

    /// <summary>Kicks and expects that a chain is served and filled to the last byte.</summary>
    public void KickAndExpectServed(ushort id)
    {
        long served = Fill.Requests;
        byte[] sent = Read(id, writable: false);
        Kick();
        byte[] filled = Read(id, writable: true);
        AssertUsed(id, (uint)filled.Length);
        AssertNothingUsed();
        byte[] expected = [.. sent.Take(filled.Length), .. Enumerable.Repeat(FillDevice.Filler, Math.Max(0, filled.Length - sent.Length))];
        Assert.Equal(expected, filled);
        Assert.Equal(served + 1, Fill.Requests);
        AssertFaults(ChainFault.None, 0);
        AssertUntouched();
        Assert.False(NeedsReset);
        AssertHealthy();
    }

    /// <summary>
    /// Kicks and expects that the ring is given up: nothing is used, NEEDS_RESET with an interrupt, a reset recovers.
    /// </summary>
    public void KickAndExpectBroken(long usedBefore = 0)
    {
        long served = (Device as FillDevice)?.Requests ?? 0;
        int pulses = Gic.Pulses(new Slot(0).Interrupt);
        Kick();
        for (long i = 0; i < usedBefore; i++) Assert.True(Ring.TryTakeUsed(out _, out _));
        AssertNothingUsed();
        if (Device is FillDevice fill) Assert.Equal(served + usedBefore, fill.Requests);
        AssertUntouched();
        AssertBroken(pulses);
        Recover();
    }

    public void AssertBroken(int pulsesBefore)
    {
        Assert.True(Queue.IsBroken);
        Assert.True(NeedsReset);
        Assert.NotEqual(0u, Driver.ReadRegister(MmioRegister.InterruptStatus) & 2);
        Assert.True(Gic.Pulses(new Slot(0).Interrupt) > pulsesBefore);
        // No further ring reads: the same ring made good is not looked at again.
        AssertOthersServe();
    }

    /// <summary>Resets and initialises the device anew, and expects that it serves.</summary>
    public void Recover()
    {
        Driver.WriteRegister(MmioRegister.Status, 0);
        Assert.Equal(0u, (uint)Driver.Status);
        Assert.Equal(0u, Driver.ReadRegister(MmioRegister.InterruptStatus));
        Start();
        AssertHealthy();
    }

    public void AssertUsed(ushort id, uint length)
    {
        Assert.True(Ring.TryTakeUsed(out ushort usedId, out uint usedLength), "No buffer was used.");
        Assert.Equal((id, length), (usedId, usedLength));
    }

    public void AssertNothingUsed() => Assert.False(Ring.TryTakeUsed(out _, out _), "A buffer was used.");

    public void AssertFaults(ChainFault expected, long count)
    {
        foreach (ChainFault fault in Enum.GetValues<ChainFault>().Where(f => f != ChainFault.None))
            Assert.Equal((fault, fault == expected ? count : 0), (fault, Queue.Dropped(fault)));
    }

    /// <summary>
    /// Nothing but the ring's own fields and the buffers that may be written has changed since the kick.
    /// </summary>
    public void AssertUntouched()
    {
        List<(ulong Address, ulong Length)> allowed = [.. Ring.WrittenByDevice];
        allowed.AddRange(offered.Where(d => d.IsWritable).Select(d => (d.Address, (ulong)d.Length)));
        foreach (GuardedRam r in ram)
        {
            ulong? change = r.FindChange(allowed);
            Assert.True(change is null, $"Guest memory changed at 0x{change:x}.");
            Assert.True(r.GuardsAreIntact, $"Host memory beside the region at 0x{r.Start:x} changed.");
        }
    }

    /// <summary>Not even the ring's own fields have changed since the memory was remembered.</summary>
    public void AssertRingUntouched() => Assert.Null(ram[0].FindChange([]));

    /// <summary>A well-formed request is served on this queue, the device's other queue and another device.</summary>
    public void AssertHealthy()
    {
        AssertServes(Ring, R0 + 0x9_c000);
        AssertOthersServe();
    }

    /// <summary>A request of one slot is served; a packed ring moves on by one.</summary>
    public void AssertOneSlot(int number)
    {
        ushort id = Ring.Post(Raw.Out(Buffer(number % 10), (uint)(number + 1)));
        Ring.Kick();
        AssertUsed(id, (uint)(number + 1));
    }

    public void AssertOthersServe()
    {
        if (Device is FillDevice { QueueSizes.Count: > 1 }) AssertServes(Second, R0 + 0x9_d000);
        AssertServes(otherRing, R1 + 0x8000);
    }

    public void Dispose()
    {
        Driver.WriteRegister(MmioRegister.Status, 0);
        otherDriver.WriteRegister(MmioRegister.Status, 0);
        Assert.All(ram, r => Assert.True(r.GuardsAreIntact));
        foreach (GuardedRam r in ram) r.Dispose();
    }

    private static void StartDevice(GuestDriver driver, params RawRing[] rings)
    {
        Assert.True(driver.Probe());
        foreach (RawRing ring in rings)
        {
            driver.WriteRegister(MmioRegister.QueueSel, (uint)ring.Queue);
            if (driver.ReadRegister(MmioRegister.QueueNumMax) == 0) continue;
            ring.Clear();
            ring.Enable();
            Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReady));
        }

        driver.SetDriverOk();
    }

    private void Kick()
    {
        Ring.Publish();
        // Publishing writes the ring as the driver; what the device writes comes after.
        Remember();
        Ring.Notify();
    }

    private void AssertServes(RawRing ring, ulong at)
    {
        byte[] sent = [(byte)at, 2, 3, (byte)(at >> 8)];
        Memory.TryWrite(at, sent);
        byte[] got = new byte[5];
        Memory.TryWrite(at + 16, got);
        ushort id = ring.Size > 1
            ? ring.Post(Raw.In(at, 4), Raw.Out(at + 16, 5))
            : ring.PostIndirect(at + 64, Raw.In(at, 4), Raw.Out(at + 16, 5));
        ring.Kick();
        Assert.True(ring.TryTakeUsed(out ushort usedId, out uint length), $"Queue {ring.Queue} does not serve any more.");
        Assert.Equal((id, 5u), (usedId, length));
        Memory.TryRead(at + 16, got);
        Assert.Equal([.. sent, FillDevice.Filler], got);
    }

    public byte[] Read(ushort id, bool writable)
    {
        List<byte> all = [];
        foreach (Raw descriptor in buffers[id].Where(d => d.IsWritable == writable))
        {
            byte[] bytes = new byte[descriptor.Length];
            Assert.True(Memory.TryRead(descriptor.Address, bytes));
            all.AddRange(bytes);
        }

        return [.. all];
    }
}
