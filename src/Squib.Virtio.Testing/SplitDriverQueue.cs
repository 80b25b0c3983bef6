using System.Buffers.Binary;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Testing;

/// <summary>
/// The driver's side of a split ring (virtio 1.2, 2.7). Its fields can be written one by one to make bad rings.
/// </summary>
public sealed class SplitDriverQueue : DriverQueue
{
    private readonly Queue<ushort> freeDescriptors = new();
    private readonly Dictionary<ushort, ushort[]> used = [];
    private readonly Dictionary<ushort, (ulong Address, int Bytes)> tables = [];
    private ushort availableIndex;
    private ushort publishedIndex;
    private ushort lastUsed;

    internal SplitDriverQueue(GuestDriver driver, int index, int size)
        : base(driver, index, size)
    {
        DescriptorArea = driver.Allocate(16 * size);
        DriverArea = driver.Allocate(6 + (2 * size));
        DeviceArea = driver.Allocate(6 + (8 * size));
        for (int i = 0; i < size; i++) freeDescriptors.Enqueue((ushort)i);
    }

    /// <summary>The used index that the device has published.</summary>
    public ushort UsedIndex => Load(DeviceArea + 2);

    private protected override ushort NotificationPosition => availableIndex;

    /// <summary>Writes a descriptor.</summary>
    /// <param name="table">The address of the table; that of the ring is
    /// <see cref="DriverQueue.DescriptorArea"/>.</param>
    /// <param name="index">The index in the table.</param>
    /// <param name="address">The address of the buffer.</param>
    /// <param name="length">Its length.</param>
    /// <param name="flags">1 NEXT, 2 WRITE, 4 INDIRECT.</param>
    /// <param name="next">The index of the next descriptor.</param>
    public void WriteDescriptor(ulong table, int index, ulong address, uint length, ushort flags, ushort next)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[12..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[14..], next);
        Memory.TryWrite(table + (ulong)(16 * index), bytes);
    }

    /// <summary>Writes an entry of the available ring.</summary>
    /// <param name="position">The free-running position.</param>
    /// <param name="head">The head of the chain.</param>
    public void WriteAvailable(int position, ushort head) => Store(DriverArea + 4 + (ulong)(2 * (position % Size)), head);

    /// <summary>Writes the available index.</summary>
    /// <param name="value">The free-running index.</param>
    public void WriteAvailableIndex(ushort value) => Store(DriverArea + 2, value);

    /// <summary>Reads an element of the used ring.</summary>
    /// <param name="position">The free-running position.</param>
    public (uint Id, uint Length) ReadUsed(int position)
    {
        Span<byte> bytes = stackalloc byte[8];
        Memory.TryRead(DeviceArea + 4 + (ulong)(8 * (position % Size)), bytes);
        return (BinaryPrimitives.ReadUInt32LittleEndian(bytes), BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]));
    }

    /// <inheritdoc/>
    public override bool Publish()
    {
        ushort old = publishedIndex;
        // The fences of a driver on another CPU: entries before the index, the index before the look at what the
        // device wants.
        Thread.MemoryBarrier();
        WriteAvailableIndex(availableIndex);
        publishedIndex = availableIndex;
        Thread.MemoryBarrier();
        if (old == availableIndex) return false;
        if (!Has(VirtioFeature.EventIndex)) return (Load(DeviceArea) & 1) == 0;
        ushort wanted = Load(DeviceArea + 4 + (ulong)(8 * Size));
        return (ushort)(availableIndex - wanted - 1) < (ushort)(availableIndex - old);
    }

    /// <inheritdoc/>
    public override void RequestInterrupt()
    {
        if (Has(VirtioFeature.EventIndex))
            Store(DriverArea + 4 + (ulong)(2 * Size), WantsInterrupts ? lastUsed : (ushort)(lastUsed + 0x8000));
        else Store(DriverArea, (ushort)(WantsInterrupts ? 0 : 1));
        Thread.MemoryBarrier();
    }

    private protected override ushort Place(ReadOnlySpan<DriverSegment> segments, bool indirect)
    {
        int needed = indirect ? 1 : segments.Length;
        if (freeDescriptors.Count < needed) throw new InvalidOperationException("The ring is full.");
        ushort[] slots = new ushort[needed];
        for (int i = 0; i < needed; i++) slots[i] = freeDescriptors.Dequeue();
        if (indirect)
        {
            ulong table = Driver.Allocate(16 * segments.Length);
            tables[slots[0]] = (table, 16 * segments.Length);
            for (int i = 0; i < segments.Length; i++) WriteSegment(table, i, segments, i, (ushort)(i + 1));
            WriteDescriptor(DescriptorArea, slots[0], table, (uint)(16 * segments.Length), 4, 0);
        }
        else
        {
            for (int i = 0; i < needed; i++)
                WriteSegment(DescriptorArea, slots[i], segments, i, i + 1 < needed ? slots[i + 1] : (ushort)0);
        }

        used[slots[0]] = slots;
        WriteAvailable(availableIndex++, slots[0]);
        return slots[0];
    }

    private protected override bool TryTakeUsed(out ushort id, out uint length)
    {
        id = 0;
        length = 0;
        if (UsedIndex == lastUsed) return false;
        Thread.MemoryBarrier();
        (uint head, length) = ReadUsed(lastUsed++);
        id = (ushort)head;
        return true;
    }

    private protected override void SkippedUsed(ushort id) => lastUsed++;

    private protected override void Release(ushort id)
    {
        used.Remove(id, out ushort[]? slots);
        foreach (ushort slot in slots!) freeDescriptors.Enqueue(slot);
        if (tables.Remove(id, out (ulong Address, int Bytes) table)) Driver.Free(table.Address, table.Bytes);
    }

    private void WriteSegment(ulong table, int at, ReadOnlySpan<DriverSegment> segments, int i, ushort next)
    {
        ushort flags = (ushort)((segments[i].IsWritable ? 2 : 0) | (i + 1 < segments.Length ? 1 : 0));
        WriteDescriptor(table, at, segments[i].Address, segments[i].Length, flags, next);
    }

    private ushort Load(ulong address)
    {
        Span<byte> bytes = stackalloc byte[2];
        Memory.TryRead(address, bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    private void Store(ulong address, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        Memory.TryWrite(address, bytes);
    }
}
