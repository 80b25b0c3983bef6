using System.Buffers.Binary;
using System.Globalization;
using Squib.Benchmarks.Ring;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Transport;

namespace Squib.Benchmarks.Net;

/// <summary>Frames of 1,514 bytes through a whole network device, both ways, with a backend in memory.</summary>
internal sealed class NetBenchmark : IGic, IDisposable
{
    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;

    private readonly RingMemory memory = new();
    private readonly VirtioMmioTransport transport;
    private readonly BenchNetBackend backend;
    private readonly NetDriver driver;
    private ulong interrupts;

    private NetBenchmark()
    {
        memory.Clear();
        MacAddress mac = MacAddress.Random();
        backend = new(mac);
        transport = new(new NetDevice(backend, new() { Mac = mac }), memory.Lend(1), new IrqLine(this, new Slot(0).Interrupt));
        driver = new(memory);
        Start();
    }

    public void PulseSpi(IntId id) => interrupts++;

    public void SetSpiLevel(IntId id, bool asserted)
    {
    }

    public void Dispose()
    {
        Write(MmioRegister.Status, 0);
        ((IDisposable)memory).Dispose();
    }

    /// <summary>Measures and prints.</summary>
    /// <param name="quick">Whether to be content with less exact figures.</param>
    internal static List<string> Run(bool quick)
    {
        List<string> lines = [];
        using NetBenchmark run = new();
        foreach (int batch in (int[])[64, 1])
        {
            lines.Add(Measure("TX", batch, run.Transmit, quick));
            lines.Add(Measure("RX", batch, run.Receive, quick));
        }

        return lines;
    }

    private static string Measure(string name, int batch, Action<int> round, bool quick)
    {
        // Long enough for the JIT to have replaced its first, slow code.
        for (int i = 0; i < 4; i++) MeasureOnce(batch, round, 100);
        (double Nanoseconds, double Bytes)[] all =
            [.. Enumerable.Range(0, quick ? 5 : 11).Select(_ => MeasureOnce(batch, round, quick ? 60 : 200))];
        Array.Sort(all);
        string line = string.Create(CultureInfo.InvariantCulture,
            $"net {name} batch {batch}: {all[all.Length / 2].Nanoseconds:F1} ns/frame (best {all[0].Nanoseconds:F1}) "
            + $"alloc {all.Max(one => one.Bytes):F2} B");
        Console.WriteLine(line);
        return line;
    }

    private static (double Nanoseconds, double Bytes) MeasureOnce(int batch, Action<int> round, double milliseconds)
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        double start = ThreadClock.Nanoseconds();
        double end;
        long frames = 0;
        do
        {
            for (int i = 0; i < 64; i++) round(batch);
            frames += 64 * batch;
            end = ThreadClock.Nanoseconds();
        }
        while (end - start < milliseconds * 1e6);
        return ((end - start) / frames, (double)(GC.GetAllocatedBytesForCurrentThread() - allocated) / frames);
    }

    private void Transmit(int count)
    {
        driver.Transmit(count);
        Write(MmioRegister.QueueNotify, TransmitQueue);
        if (driver.ReapTransmitted() != count) throw new InvalidDataException("Not all frames were sent.");
        Acknowledge();
    }

    private void Receive(int count)
    {
        driver.Lend(count);
        Write(MmioRegister.QueueNotify, ReceiveQueue);
        backend.Inject(count);
        if (driver.ReapReceived() != count) throw new InvalidDataException("Not all frames were received.");
        Acknowledge();
    }

    private void Acknowledge()
    {
        if (interrupts == 0) throw new InvalidDataException("There was no interrupt.");
        interrupts = 0;
        Write(MmioRegister.InterruptAck, 1);
    }

    private void Start()
    {
        ulong features = VirtioFeature.Version1 | VirtioFeature.EventIndex | VirtioFeature.IndirectDescriptors
            | NetFeature.Mac | NetFeature.MergeBuffers | NetFeature.Checksum | NetFeature.GuestChecksum | NetFeature.Status
            | NetFeature.ControlQueue | NetFeature.ControlReceive;
        Write(MmioRegister.Status, 1);
        Write(MmioRegister.Status, 3);
        Write(MmioRegister.DriverFeatures, (uint)features);
        Write(MmioRegister.DriverFeaturesSel, 1);
        Write(MmioRegister.DriverFeatures, (uint)(features >> 32));
        Write(MmioRegister.Status, 0xb);
        SetUp(ReceiveQueue, 0);
        SetUp(TransmitQueue, NetDriver.TransmitRings);
        Write(MmioRegister.Status, 0xf);
    }

    private void SetUp(int queue, uint rings)
    {
        Write(MmioRegister.QueueSel, (uint)queue);
        Write(MmioRegister.QueueNum, NetDriver.Entries);
        Write(MmioRegister.QueueDescLow, (uint)RingMemory.Start + rings);
        Write(MmioRegister.QueueDriverLow, (uint)RingMemory.Start + rings + 0x1000);
        Write(MmioRegister.QueueDeviceLow, (uint)RingMemory.Start + rings + 0x2000);
        Write(MmioRegister.QueueReady, 1);
    }

    private void Write(int register, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        transport.Write((ulong)register, bytes);
    }
}
