using System.Buffers.Binary;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Transport;

namespace Squib.Benchmarks.Ring;

/// <summary>One ring format over one layout of memory, ready to run workloads.</summary>
internal sealed class RingRun : IGic, IDisposable
{
    private static readonly ulong[] Checksums =
    [
        0, 0x00007d0fbfdbc300, 0x000000002e52e300, 0x000000002e342000, 0x00000000f49f0c00, 0x00007d1404793fe8,
    ];

    private readonly RingMemory memory = new();
    private readonly RingDevice device = new();
    private readonly VirtioMmioTransport transport;
    private readonly RingDriver driver;
    private readonly bool packed;
    private ulong interrupts;

    internal RingRun(bool packed, int regions)
    {
        this.packed = packed;
        memory.Clear();
        GuestMemory lent = memory.Lend(regions);
        transport = new(device, lent, new IrqLine(this, new Slot(0).Interrupt), new() { RingPacked = true });
        driver = packed ? new PackedRingDriver(memory) : new SplitRingDriver(memory);
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

    /// <summary>Runs 1,000 batches from an empty ring and compares the checksum.</summary>
    internal void Verify(int workload)
    {
        Restart();
        for (int i = 0; i < 1000; i++) RoundTrip(workload);
        // All workloads run with EVENT_IDX; only that of W5 says what the driver does with it.
        ulong sum = driver.Sum + device.Sum + (workload == 5 ? interrupts : 0);
        if (sum != Checksums[workload])
            throw new InvalidDataException($"W{workload}: the checksum is {sum:x16}, not {Checksums[workload]:x16}.");
    }

    /// <summary>Runs a workload for a time.</summary>
    /// <returns>Nanoseconds and allocated bytes per chain.</returns>
    internal (double Nanoseconds, double Bytes) Measure(int workload, double milliseconds)
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        double start = ThreadClock.Nanoseconds();
        double end;
        long chains = 0;
        do
        {
            for (int i = 0; i < 64; i++) RoundTrip(workload);
            chains += 64 * RingDriver.BatchOf(workload);
            end = ThreadClock.Nanoseconds();
        }
        while (end - start < milliseconds * 1e6);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        return ((end - start) / chains, (double)allocated / chains);
    }

    private void RoundTrip(int workload)
    {
        int batch = RingDriver.BatchOf(workload);
        driver.Submit(workload, batch);
        device.Step(workload);
        driver.Complete(workload, batch);
    }

    private void Restart()
    {
        Write(MmioRegister.Status, 0);
        memory.Clear();
        driver.Reset();
        device.Reset();
        interrupts = 0;
        ulong features = VirtioFeature.Version1 | VirtioFeature.EventIndex | VirtioFeature.IndirectDescriptors
            | (packed ? VirtioFeature.RingPacked : 0);
        Write(MmioRegister.Status, 1);
        Write(MmioRegister.Status, 3);
        Write(MmioRegister.DriverFeatures, (uint)features);
        Write(MmioRegister.DriverFeaturesSel, 1);
        Write(MmioRegister.DriverFeatures, (uint)(features >> 32));
        Write(MmioRegister.Status, 0xb);
        Write(MmioRegister.QueueSel, 0);
        Write(MmioRegister.QueueNum, 256);
        Write(MmioRegister.QueueDescLow, (uint)RingMemory.Start);
        Write(MmioRegister.QueueDriverLow, (uint)RingMemory.Start + 0x1000);
        Write(MmioRegister.QueueDeviceLow, (uint)RingMemory.Start + 0x2000);
        Write(MmioRegister.QueueReady, 1);
        Write(MmioRegister.Status, 0xf);
    }

    private void Write(int register, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        transport.Write((ulong)register, bytes);
    }
}
