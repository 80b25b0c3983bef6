using System.Globalization;
using Squib.Virtio.Bus;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Transport;

namespace Squib.Benchmarks.Ring;

/// <summary>One read or write of each kind of register, through a bus with nine devices.</summary>
internal static class RegisterBenchmark
{
    private const byte InterruptBit = 1;

    internal static List<string> Run(bool quick)
    {
        MmioBus bus = new();
        SlotAllocator slots = new();
        GuestMemory memory = new(new GuestRegion(0x8000_0000, new byte[1 << 20]));
        Silent gic = new();
        for (int i = 0; i < 9; i++)
        {
            Slot slot = slots.Allocate();
            bus.Add(slot.Range, new VirtioMmioTransport(new RngDevice(), memory, new IrqLine(gic, slot.Interrupt)));
        }

        ulong at = new Slot(4).Range.Start;
        (string Name, int Register, bool Write)[] kinds =
        [
            ("read MagicValue", MmioRegister.MagicValue, false),
            ("read DeviceFeatures", MmioRegister.DeviceFeatures, false),
            ("read QueueNumMax", MmioRegister.QueueNumMax, false),
            ("read QueueReady", MmioRegister.QueueReady, false),
            ("read InterruptStatus", MmioRegister.InterruptStatus, false),
            ("read Status", MmioRegister.Status, false),
            ("read ConfigGeneration", MmioRegister.ConfigGeneration, false),
            ("write DeviceFeaturesSel", MmioRegister.DeviceFeaturesSel, true),
            ("write QueueSel", MmioRegister.QueueSel, true),
            ("write QueueNum", MmioRegister.QueueNum, true),
            ("write QueueDescLow", MmioRegister.QueueDescLow, true),
            ("write QueueNotify", MmioRegister.QueueNotify, true),
            ("write InterruptACK", MmioRegister.InterruptAck, true),
        ];
        List<string> lines = [];
        for (int warmUp = 0; warmUp < 2; warmUp++)
        {
            // Long enough for the JIT to have replaced its first, slow code.
            foreach ((_, int register, bool write) in kinds) Measure(bus, at + (ulong)register, write, Value(register));
        }

        foreach ((string name, int register, bool write) in kinds)
        {
            double best = double.MaxValue;
            long allocated = 0;
            for (int round = 0; round < (quick ? 6 : 12); round++)
            {
                allocated = GC.GetAllocatedBytesForCurrentThread();
                best = Math.Min(best, Measure(bus, at + (ulong)register, write, Value(register)));
                allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            }

            string line = string.Create(CultureInfo.InvariantCulture, $"register {name} {best:F1} ns alloc {allocated} B");
            Console.WriteLine(line);
            lines.Add(line);
        }

        return lines;
    }

    private static byte Value(int register) => register == MmioRegister.InterruptAck ? InterruptBit : (byte)0;

    private static double Measure(MmioBus bus, ulong address, bool write, byte written)
    {
        const int Count = 2_000_000;
        Span<byte> value = stackalloc byte[4];
        value.Clear();
        value[0] = written;
        double start = ThreadClock.Nanoseconds();
        if (write)
        {
            for (int i = 0; i < Count; i++) bus.Write(address, value);
        }
        else
        {
            for (int i = 0; i < Count; i++) bus.Read(address, value);
        }

        return (ThreadClock.Nanoseconds() - start) / Count;
    }

    private sealed class Silent : IGic
    {
        public void PulseSpi(IntId id)
        {
        }

        public void SetSpiLevel(IntId id, bool asserted)
        {
        }
    }
}
