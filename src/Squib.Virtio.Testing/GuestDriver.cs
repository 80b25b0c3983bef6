using System.Buffers.Binary;
using System.Numerics;
using Squib.Virtio.Bus;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Testing;

/// <summary>
/// The driver's side of virtio-MMIO: reads and writes registers in the order in which Linux' driver does.
/// </summary>
public sealed class GuestDriver
{
    private readonly IBusDevice registers;
    private readonly Dictionary<int, Stack<ulong>> freed = [];
    private readonly List<DriverQueue> queues = [];
    private ulong next;

    /// <summary>Creates a driver.</summary>
    /// <param name="registers">The device's registers.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="scratch">Where in guest memory the driver may put rings and buffers; by default in the first
    /// region.</param>
    public GuestDriver(IBusDevice registers, GuestMemory memory, ulong? scratch = null)
    {
        ArgumentNullException.ThrowIfNull(registers);
        ArgumentNullException.ThrowIfNull(memory);
        this.registers = registers;
        Memory = memory;
        next = scratch ?? memory.Regions[0].Start + 0x1000;
    }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>The feature bits that were negotiated last.</summary>
    public ulong Features { get; private set; }

    /// <summary>The queues set up since the last reset, in order.</summary>
    public IReadOnlyList<DriverQueue> Queues => queues;

    /// <summary>The value of the Status register.</summary>
    public DeviceStatus Status => (DeviceStatus)ReadRegister(MmioRegister.Status);

    /// <summary>
    /// Puts a device behind a transport, with memory of 16 MiB at 0x8000_0000 unless told otherwise, and drives it.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="options">What the transport offers.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="trigger">How the interrupt line signals.</param>
    public static (GuestDriver Driver, VirtioMmioTransport Transport, RecordingGic Gic) Attach(
        IVirtioDevice device, TransportOptions? options = null, GuestMemory? memory = null, IrqTrigger trigger = IrqTrigger.Edge)
    {
        memory ??= new(new GuestRegion(0x8000_0000, new byte[16 << 20]));
        RecordingGic gic = new();
        VirtioMmioTransport transport = new(device, memory, new IrqLine(gic, new Slot(0).Interrupt, trigger), options);
        return (new GuestDriver(transport, memory), transport, gic);
    }

    /// <summary>Reads a 32-bit register.</summary>
    /// <param name="offset">Its offset in bytes.</param>
    public uint ReadRegister(int offset)
    {
        Span<byte> value = stackalloc byte[4];
        registers.Read((ulong)offset, value);
        return BinaryPrimitives.ReadUInt32LittleEndian(value);
    }

    /// <summary>Writes a 32-bit register.</summary>
    /// <param name="offset">Its offset in bytes.</param>
    /// <param name="value">The value.</param>
    public void WriteRegister(int offset, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        registers.Write((ulong)offset, bytes);
    }

    /// <summary>Reads configuration bytes again until the generation did not change meanwhile (2.5.3).</summary>
    /// <param name="offset">The offset in the configuration space.</param>
    /// <param name="length">The number of bytes.</param>
    public byte[] ReadConfig(int offset, int length)
    {
        byte[] value = new byte[length];
        uint before;
        do
        {
            before = ReadRegister(MmioRegister.ConfigGeneration);
            int width = length is 2 or 4 ? length : length == 8 ? 4 : 1;
            for (int i = 0; i < length; i += width)
                registers.Read((ulong)(MmioRegister.Config + offset + i), value.AsSpan(i, width));
        }
        while (ReadRegister(MmioRegister.ConfigGeneration) != before);
        return value;
    }

    /// <summary>Writes configuration bytes in one access.</summary>
    /// <param name="offset">The offset in the configuration space.</param>
    /// <param name="value">The bytes.</param>
    public void WriteConfig(int offset, params ReadOnlySpan<byte> value) =>
        registers.Write((ulong)(MmioRegister.Config + offset), value);

    /// <summary>All feature bits that the device offers.</summary>
    public ulong ReadOfferedFeatures()
    {
        WriteRegister(MmioRegister.DeviceFeaturesSel, 1);
        ulong high = ReadRegister(MmioRegister.DeviceFeatures);
        WriteRegister(MmioRegister.DeviceFeaturesSel, 0);
        return (high << 32) | ReadRegister(MmioRegister.DeviceFeatures);
    }

    /// <summary>Resets the device and forgets the queues.</summary>
    public void Reset()
    {
        WriteRegister(MmioRegister.Status, 0);
        queues.Clear();
        Features = 0;
    }

    /// <summary>Adds bits to the Status register, as drivers do: reads it and writes it back.</summary>
    /// <param name="bits">The bits.</param>
    public void AddStatus(DeviceStatus bits) => WriteRegister(MmioRegister.Status, (uint)(Status | bits));

    /// <summary>Resets the device, finds it and negotiates features.</summary>
    /// <param name="wanted">The bits the driver knows; those offered are accepted.</param>
    /// <returns>Whether the device left FEATURES_OK set.</returns>
    public bool Probe(ulong wanted = ulong.MaxValue)
    {
        if (ReadRegister(MmioRegister.MagicValue) != 0x74726976 || ReadRegister(MmioRegister.Version) != 2) return false;
        if (ReadRegister(MmioRegister.DeviceId) == 0) return false;
        _ = ReadRegister(MmioRegister.VendorId);
        Reset();
        AddStatus(DeviceStatus.Acknowledge);
        AddStatus(DeviceStatus.Driver);
        Features = ReadOfferedFeatures() & wanted;
        WriteRegister(MmioRegister.DriverFeaturesSel, 1);
        WriteRegister(MmioRegister.DriverFeatures, (uint)(Features >> 32));
        WriteRegister(MmioRegister.DriverFeaturesSel, 0);
        WriteRegister(MmioRegister.DriverFeatures, (uint)Features);
        AddStatus(DeviceStatus.FeaturesOk);
        return (Status & DeviceStatus.FeaturesOk) != 0;
    }

    /// <summary>Sets a queue up.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="size">Its size; by default the largest.</param>
    /// <returns>The queue.</returns>
    /// <exception cref="InvalidOperationException">There is no such queue, or the device did not enable it.</exception>
    public DriverQueue SetUpQueue(int index, int size = 0)
    {
        WriteRegister(MmioRegister.QueueSel, (uint)index);
        if (ReadRegister(MmioRegister.QueueReady) != 0) throw new InvalidOperationException($"Queue {index} is in use.");
        int max = (int)ReadRegister(MmioRegister.QueueNumMax);
        if (max == 0) throw new InvalidOperationException($"There is no queue {index}.");
        if (size == 0) size = max;
        DriverQueue queue = (Features & VirtioFeature.RingPacked) != 0
            ? new PackedDriverQueue(this, index, size)
            : new SplitDriverQueue(this, index, size);
        WriteRegister(MmioRegister.QueueNum, (uint)size);
        WriteAddress(MmioRegister.QueueDescLow, queue.DescriptorArea);
        WriteAddress(MmioRegister.QueueDriverLow, queue.DriverArea);
        WriteAddress(MmioRegister.QueueDeviceLow, queue.DeviceArea);
        WriteRegister(MmioRegister.QueueReady, 1);
        if (ReadRegister(MmioRegister.QueueReady) != 1) throw new InvalidOperationException($"Queue {index} was not enabled.");
        queues.RemoveAll(old => old.Index == index);
        queues.Add(queue);
        queues.Sort((a, b) => a.Index.CompareTo(b.Index));
        return queue;
    }

    /// <summary>Tells the device that the driver is ready.</summary>
    public void SetDriverOk() => AddStatus(DeviceStatus.DriverOk);

    /// <summary>Does all that a driver does to start a device: probe, set all queues up, DRIVER_OK.</summary>
    /// <param name="wanted">The feature bits the driver knows.</param>
    /// <param name="queueSize">The size of every queue; by default each one's largest.</param>
    /// <returns>The first queue, or null if the device has none.</returns>
    /// <exception cref="InvalidOperationException">The device refused the features.</exception>
    public DriverQueue? Start(ulong wanted = ulong.MaxValue, int queueSize = 0)
    {
        if (!Probe(wanted)) throw new InvalidOperationException("The device refused the features.");
        for (int i = 0; ; i++)
        {
            WriteRegister(MmioRegister.QueueSel, (uint)i);
            if (ReadRegister(MmioRegister.QueueNumMax) == 0) break;
            SetUpQueue(i, queueSize);
        }

        SetDriverOk();
        return queues.FirstOrDefault();
    }

    /// <summary>Handles an interrupt: reads InterruptStatus and acknowledges what it says.</summary>
    /// <returns>The bits.</returns>
    public uint HandleInterrupt()
    {
        uint status = ReadRegister(MmioRegister.InterruptStatus);
        WriteRegister(MmioRegister.InterruptAck, status);
        return status;
    }

    /// <summary>Takes guest memory, zeroed.</summary>
    /// <param name="bytes">How much.</param>
    /// <param name="alignment">A power of two.</param>
    public ulong Allocate(int bytes, int alignment = 16)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, 16));
        ulong address;
        if (alignment <= 16 && freed.TryGetValue(size, out Stack<ulong>? stack) && stack.Count > 0)
        {
            address = stack.Pop();
        }
        else
        {
            address = (next + (ulong)alignment - 1) & ~((ulong)alignment - 1);
            next = address + (ulong)size;
        }

        if (!Memory.TryWrite(address, new byte[size]))
            throw new InvalidOperationException("The driver's scratch memory is used up.");
        return address;
    }

    /// <summary>Gives guest memory back.</summary>
    /// <param name="address">What <see cref="Allocate"/> answered.</param>
    /// <param name="bytes">The size it was asked for.</param>
    public void Free(ulong address, int bytes)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, 16));
        if (!freed.TryGetValue(size, out Stack<ulong>? stack)) freed[size] = stack = new();
        stack.Push(address);
    }

    private void WriteAddress(int lowRegister, ulong address)
    {
        WriteRegister(lowRegister, (uint)address);
        WriteRegister(lowRegister + 4, (uint)(address >> 32));
    }
}
