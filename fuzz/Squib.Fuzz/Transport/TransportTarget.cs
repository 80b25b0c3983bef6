using Squib.Fuzz.Engine;
using Squib.Virtio.Bus;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;

namespace Squib.Fuzz.Transport;

/// <summary>
/// Registers written and read in any order, width and value, behind a bus. A model of the registers tells what they must read as.
/// </summary>
internal sealed class TransportTarget : IFuzzTarget
{
    private const int MostActions = 128;
    private const ulong Base = 0x0f00_0000;
    private const ulong QueueMemory = GuestRam.Start + 0x1000;

    private readonly GuestRam ram = new(0x4000);
    private readonly Side[] sides;
    private Script script = new();
    private Behaviour behaviour = new();

    internal TransportTarget()
    {
        sides =
        [
            new(ram, new() { RingPacked = true, InOrder = true, NotificationData = true, ResetTimeout = TimeSpan.Zero }, IrqTrigger.Level),
            new(ram, new() { RingReset = false, EventIndex = false, IndirectDescriptors = false, ResetTimeout = TimeSpan.Zero }, IrqTrigger.Edge),
        ];
    }

    public string Name => "transport";

    public string Purpose => "registers in any order, width and value, against a model of what they read as";

    public void Run(Script script, Behaviour behaviour)
    {
        this.script = script;
        this.behaviour = behaviour;
        ram.Clear();
        int choice = script.Byte();
        Side side = sides[choice < 192 ? 0 : 1];
        side.Device.Ending = choice & 3;
        long bad = side.Transport.BadAccesses;
        // Most scripts begin where there is most to find.
        if ((choice & 4) != 0) Advance(side, 3 + (choice >> 3 & 1));
        for (int i = 0; i < MostActions && !script.IsAtEnd; i++)
        {
            Act(side);
            side.Check();
        }

        behaviour.SawAbout((ulong)(side.Transport.BadAccesses - bad));
        behaviour.Saw((long)side.Transport.Status);
        for (int bit = 0; bit < 64; bit++) behaviour.Saw((bit * 2) + (long)(side.Transport.NegotiatedFeatures >> bit & 1));
        behaviour.Saw(side.Device.IsRunning ? 1 : 0);
        End(side);
    }

    private void Act(Side side)
    {
        int choice = script.Byte();
        switch (choice % 16)
        {
            case 0: WriteAny(side); break;
            case 1: ReadAny(side); break;
            case <= 4:
                uint status = side.ReadRegister(MmioRegister.Status);
                side.WriteRegister(MmioRegister.Status, status | (1u << (choice >> 5 & 7)));
                break;
            case 5: Advance(side, choice >> 4 & 3); break;
            case 6: side.WriteRegister(MmioRegister.Status, choice < 192 ? 0 : (uint)script.Number()); break;
            case 7 or 8: SetUpQueue(side, choice >> 4); break;
            case 9:
                side.WriteRegister(MmioRegister.QueueSel, (uint)(choice >> 4 & 3));
                if (choice < 128) side.WriteRegister(MmioRegister.QueueReady, (uint)script.Below(3));
                else side.WriteRegister(MmioRegister.QueueReset, 1 + (uint)script.Below(2));
                behaviour.Saw(side.ReadRegister(MmioRegister.QueueReady) + (side.ReadRegister(MmioRegister.QueueReset) * 2));
                break;
            case 10 or 11: Notify(side, choice >> 4); break;
            case 12:
                side.WriteRegister(MmioRegister.DriverFeaturesSel, (uint)(choice >> 5));
                side.WriteRegister(MmioRegister.DriverFeatures, (uint)script.Number());
                break;
            case 13: side.Device.Config.Update(script.Below(4), [script.Byte()]); break;
            case 14: side.WriteRegister(MmioRegister.InterruptAck, (uint)script.Below(5)); break;
            default:
                if (choice < 128) Post(side, choice >> 4 & 3);
                else side.Device.Finish();
                break;
        }

        behaviour.Saw((side.ReadRegister(MmioRegister.Status) << 8) + (choice % 16) + ((long)side.ReadRegister(MmioRegister.InterruptStatus) << 4));
    }

    private void WriteAny(Side side)
    {
        Span<byte> value = stackalloc byte[8];
        script.Number(value);
        side.Write(Offset(), value[..Width()]);
    }

    private void ReadAny(Side side)
    {
        Span<byte> value = stackalloc byte[8];
        Span<byte> again = stackalloc byte[8];
        ulong offset = Offset();
        int width = Width();
        value.Fill(0xee);
        side.Read(offset, value[..width]);
        side.Read(offset, again[..width]);
        // No register of this device changes by being read.
        FindingException.ThrowIf(!value[..width].SequenceEqual(again[..width]), "A register reads differently the second time.");
        behaviour.SawAbout(offset);
    }

    private ulong Offset() => script.Byte() switch
    {
        < 160 and var register => (ulong)(register % 64 * 4),
        < 224 and var config => (ulong)(MmioRegister.Config + (config % 40)),
        < 240 and var odd => (ulong)odd,
        _ => script.Number() & 0xfff,
    };

    private int Width() => script.Byte() switch { < 160 => 4, < 192 => 1, < 208 => 2, < 224 => 8, var other => 1 + (other % 8) };

    /// <summary>Goes some steps of the initialisation, as a good driver would.</summary>
    private void Advance(Side side, int steps)
    {
        ulong wanted = script.Byte() switch
        {
            < 128 => side.Transport.OfferedFeatures,
            < 192 and var some => (side.Transport.OfferedFeatures & ~(1UL << some)) | VirtioFeature.Version1,
            _ => script.Number(),
        };
        side.WriteRegister(MmioRegister.Status, 0);
        uint status = 0;
        for (int step = 0; step < steps; step++)
        {
            if (step == 2)
            {
                for (uint word = 0; word < 2; word++)
                {
                    side.WriteRegister(MmioRegister.DriverFeaturesSel, word);
                    side.WriteRegister(MmioRegister.DriverFeatures, (uint)(wanted >> (int)(32 * word)));
                }
            }

            if (step == 3) SetUpQueue(side, script.Byte() & 0x3f);
            status |= step switch { 0 => 1u, 1 => 2u, 2 => 8u, _ => 4u };
            side.WriteRegister(MmioRegister.Status, status);
        }

        behaviour.Saw(side.ReadRegister(MmioRegister.Status));
    }

    private void SetUpQueue(Side side, int choice)
    {
        uint index = (uint)(choice & 3);
        side.WriteRegister(MmioRegister.QueueSel, index);
        uint max = side.ReadRegister(MmioRegister.QueueNumMax);
        FindingException.ThrowIf(max != (index < 3 ? side.Device.QueueSizes[(int)index] : 0), "QueueNumMax is another.");
        side.WriteRegister(MmioRegister.QueueNum, (choice & 12) == 12 ? (uint)script.Number() : Math.Max(1, max));
        ulong at = QueueMemory + (0x800 * index);
        side.WriteAddress(MmioRegister.QueueDescLow, (choice & 48) == 48 ? script.Number() : at);
        side.WriteAddress(MmioRegister.QueueDriverLow, at + 0x400);
        side.WriteAddress(MmioRegister.QueueDeviceLow, at + 0x500);
        side.WriteRegister(MmioRegister.QueueReady, 1);
        behaviour.Saw(side.ReadRegister(MmioRegister.QueueReady) + (index * 2));
    }

    private void Notify(Side side, int choice) =>
        side.WriteRegister(MmioRegister.QueueNotify, choice < 12 ? (uint)(choice & 3) : (uint)script.Number());

    /// <summary>Makes one buffer available, wherever the queue stands.</summary>
    private void Post(Side side, int index)
    {
        if (index == 3 || side.IsBusy(index)) return;
        ulong at = QueueMemory + (ulong)(0x800 * index);
        bool packed = (side.Transport.NegotiatedFeatures & VirtioFeature.RingPacked) != 0;
        Span<byte> descriptor = ram.Main(at, 16);
        BitConverter.TryWriteBytes(descriptor, GuestRam.Start + 0x3000);
        descriptor[8] = 16;
        descriptor[packed ? 14 : 12] = (byte)(packed ? 0x82 : 2);
        descriptor[packed ? 15 : 13] = 0;
        if (!packed) ram.Store16(at + 0x402, (ushort)(ram.Load16(at + 0x402) + 1));
        side.WriteRegister(MmioRegister.QueueNotify, (uint)index);
    }

    private static void End(Side side)
    {
        side.Device.Finish();
        side.WriteRegister(MmioRegister.Status, 0);
        side.Device.Finish();
        FindingException.ThrowIf(side.ReadRegister(MmioRegister.Status) != 0, "The reset has not ended.");
        FindingException.ThrowIf(side.Device.IsRunning || side.Transport.Session is not null, "The device runs after a reset.");
        FindingException.ThrowIf(side.ReadRegister(MmioRegister.InterruptStatus) != 0, "An interrupt is pending after a reset.");
        FindingException.ThrowIf(side.Gic.IsAsserted(new Slot(0).Interrupt), "The line is high after a reset.");
        side.Device.Ending = 0;
        GuestDriver driver = new(side.Transport, side.Memory);
        driver.Start(queueSize: 1);
        DriverQueue queue = driver.Queues[1];
        queue.Add([], [8]);
        queue.Kick();
        FindingException.ThrowIf(!queue.TryReap(out UsedBuffer? used) || used.Length != 4, "A good request is not served after a reset.");
        side.WriteRegister(MmioRegister.Status, 0);
        side.Check();
    }

    /// <summary>A transport on a bus.</summary>
    private sealed class Side
    {
        private readonly MmioBus bus = new();
        private readonly GuestRam ram;

        internal Side(GuestRam ram, TransportOptions options, IrqTrigger trigger)
        {
            this.ram = ram;
            Transport = new(Device, ram.Memory, new IrqLine(Gic, new Slot(0).Interrupt, trigger), options);
            bus.Add(new(Base, Slot.Size), Transport);
        }

        internal PlainDevice Device { get; } = new();

        internal RecordingGic Gic { get; } = new();

        internal VirtioMmioTransport Transport { get; }

        internal Squib.Virtio.Memory.GuestMemory Memory => ram.Memory;

        internal bool IsBusy(int queue) => Transport.Session is not { } session || session.Queues[queue].Size == 0;

        internal void Read(ulong offset, Span<byte> data) => bus.Read(Base + offset, data);

        internal void Write(ulong offset, ReadOnlySpan<byte> data) => bus.Write(Base + offset, data);

        internal uint ReadRegister(int offset)
        {
            Span<byte> value = stackalloc byte[4];
            Read((ulong)offset, value);
            return BitConverter.ToUInt32(value);
        }

        internal void WriteRegister(int offset, uint value)
        {
            Span<byte> bytes = stackalloc byte[4];
            BitConverter.TryWriteBytes(bytes, value);
            Write((ulong)offset, bytes);
        }

        internal void WriteAddress(int offset, ulong value)
        {
            WriteRegister(offset, (uint)value);
            WriteRegister(offset + 4, (uint)(value >> 32));
        }

        /// <summary>What holds whatever the registers are.</summary>
        internal void Check()
        {
            uint status = ReadRegister(MmioRegister.Status);
            FindingException.ThrowIf((status & ~0xcfu) != 0, "The status has bits that there are not.");
            bool featuresOk = (status & 8) != 0;
            FindingException.ThrowIf(featuresOk && (status & 3) != 3, "FEATURES_OK stands without what comes before it.");
            FindingException.ThrowIf((status & 4) != 0 && !featuresOk, "DRIVER_OK stands without FEATURES_OK.");
            ulong features = Transport.NegotiatedFeatures;
            FindingException.ThrowIf((features & ~Transport.OfferedFeatures) != 0, "Features are negotiated that are not offered.");
            FindingException.ThrowIf(featuresOk && (features & VirtioFeature.Version1) == 0, "A legacy driver is accepted.");
            FindingException.ThrowIf(featuresOk && !Device.Accepts(features), "Features are negotiated that the device refuses.");
            uint pending = ReadRegister(MmioRegister.InterruptStatus);
            FindingException.ThrowIf(pending > 3, "InterruptStatus has bits that there are not.");
            FindingException.ThrowIf(pending != 0 && (status & 4) == 0, "An interrupt is pending before DRIVER_OK.");
            FindingException.ThrowIf(ReadRegister(MmioRegister.MagicValue) != 0x7472_6976, "The magic value is another.");
            ram.CheckBounds();
        }
    }
}
