using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Queues;

/// <summary>The driver's side of one ring, without any of the checks and rules of a driver.</summary>
internal abstract class RawRing(GuestDriver driver, int queue, int size, ulong descriptors, ulong driverArea, ulong deviceArea)
{
    public int Size { get; } = size;

    public int Queue { get; } = queue;

    public ulong Descriptors { get; } = descriptors;

    public ulong DriverArea { get; } = driverArea;

    public ulong DeviceArea { get; } = deviceArea;

    /// <summary>What the device may write of the ring itself.</summary>
    public abstract IEnumerable<(ulong Address, ulong Length)> WrittenByDevice { get; }

    protected GuestDriver Driver { get; } = driver;

    protected GuestMemory Memory => Driver.Memory;

    public static RawRing Create(bool packed, GuestDriver driver, int queue, int size, ulong at)
    {
        // Room for the three areas of a ring of any size behind each other; small ones lie where the hostile cases put
        // them.
        ulong table = at;
        ulong second = at + (size <= 256 ? 0x1000ul : 0x8_0000);
        ulong third = second + (size <= 256 ? 0x1000ul : 0x2_0000);
        return packed
            ? new RawPackedRing(driver, queue, size, table, second, third)
            : new RawSplitRing(driver, queue, size, table, second, third);
    }

    /// <summary>Tells the device of the ring; does not look whether that worked.</summary>
    public void Enable()
    {
        Driver.WriteRegister(MmioRegister.QueueSel, (uint)Queue);
        Driver.WriteRegister(MmioRegister.QueueNum, (uint)Size);
        WriteAddress(MmioRegister.QueueDescLow, Descriptors);
        WriteAddress(MmioRegister.QueueDriverLow, DriverArea);
        WriteAddress(MmioRegister.QueueDeviceLow, DeviceArea);
        Driver.WriteRegister(MmioRegister.QueueReady, 1);
    }

    /// <summary>Forgets everything, as a driver does that sets the ring up anew.</summary>
    public abstract void Clear();

    /// <summary>Writes a chain into the ring; the NEXT flags are set here.</summary>
    /// <returns>The id of the buffer.</returns>
    public abstract ushort Post(params ReadOnlySpan<Raw> chain);

    /// <summary>Lets the device see what was posted.</summary>
    public abstract void Publish();

    /// <summary>Takes the next used buffer.</summary>
    public abstract bool TryTakeUsed(out ushort id, out uint length);

    /// <summary>
    /// Says at which used buffer the driver wants to be interrupted next: the next one, without suppression.
    /// </summary>
    public abstract void WantInterrupt();

    /// <summary>Writes a chain as a table of descriptors, and the descriptor for it into the ring.</summary>
    public ushort PostIndirect(ulong table, params ReadOnlySpan<Raw> chain)
    {
        WriteTable(table, chain);
        return Post(new Raw(table, (uint)(16 * chain.Length), Raw.Indirect));
    }

    public abstract void WriteTable(ulong table, params ReadOnlySpan<Raw> chain);

    public void Notify() => Driver.WriteRegister(MmioRegister.QueueNotify, (uint)Queue);

    public void Kick()
    {
        Publish();
        Notify();
    }

    // Whole, as a CPU reads: a copy of two bytes may be two loads, and half an old and half a new word may look like a third.
    public ushort Load16(ulong address)
    {
        if (address % 2 == 0 && Memory.TryGetSpan(address, 2, out Span<byte> place))
            return Volatile.Read(ref MemoryMarshal.Cast<byte, ushort>(place)[0]);
        Span<byte> bytes = stackalloc byte[2];
        Memory.TryRead(address, bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    public void Store16(ulong address, ushort value)
    {
        if (address % 2 == 0 && Memory.IsWritable(address, 2) && Memory.TryGetSpan(address, 2, out Span<byte> place))
        {
            Volatile.Write(ref MemoryMarshal.Cast<byte, ushort>(place)[0], value);
            return;
        }

        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        Memory.TryWrite(address, bytes);
    }

    /// <summary>Writes 16 bytes: address, length and two words whose meaning depends on the format.</summary>
    public void WriteDescriptor(ulong table, int index, ulong address, uint length, ushort first, ushort second)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[12..], first);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[14..], second);
        Memory.TryWrite(table + (ulong)(16 * index), bytes);
    }

    protected uint Load32(ulong address) => Load16(address) | ((uint)Load16(address + 2) << 16);

    private void WriteAddress(int register, ulong address)
    {
        Driver.WriteRegister(register, (uint)address);
        Driver.WriteRegister(register + 4, (uint)(address >> 32));
    }
}
