using System.Buffers.Binary;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Testing;

/// <summary>
/// The driver's side of a packed ring (virtio 1.2, 2.8). Its descriptors can be written one by one to make bad rings.
/// </summary>
public sealed class PackedDriverQueue : DriverQueue
{
    private const ushort Available = 1 << 7;
    private const ushort UsedFlag = 1 << 15;

    private readonly Queue<ushort> freeIds = new();
    private readonly Dictionary<ushort, (int Slots, ulong Table, int Bytes)> used = [];
    private readonly List<(ulong Address, ushort Flags)> heads = [];
    private int nextSlot;
    private bool wrap = true;
    private int usedSlot;
    private bool usedWrap = true;
    private int freeSlots;
    private int published;

    internal PackedDriverQueue(GuestDriver driver, int index, int size)
        : base(driver, index, size)
    {
        DescriptorArea = driver.Allocate(16 * size);
        DriverArea = driver.Allocate(4);
        DeviceArea = driver.Allocate(4);
        freeSlots = size;
        for (int i = 0; i < size; i++) freeIds.Enqueue((ushort)i);
    }

    private protected override ushort NotificationPosition => Position(nextSlot, wrap);

    /// <summary>Writes a descriptor.</summary>
    /// <param name="table">The address of the table; that of the ring is
    /// <see cref="DriverQueue.DescriptorArea"/>.</param>
    /// <param name="index">The index in the table.</param>
    /// <param name="address">The address of the buffer.</param>
    /// <param name="length">Its length.</param>
    /// <param name="id">The buffer id.</param>
    /// <param name="flags">1 NEXT, 2 WRITE, 4 INDIRECT, 0x80 AVAIL, 0x8000 USED.</param>
    public void WriteDescriptor(ulong table, int index, ulong address, uint length, ushort id, ushort flags)
    {
        Span<byte> bytes = stackalloc byte[16];
        ulong at = table + (ulong)(16 * index);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[12..], id);
        Memory.TryWrite(at, bytes[..14]);
        Thread.MemoryBarrier();
        WriteFlags(at, flags);
    }

    /// <summary>Reads a descriptor of the ring.</summary>
    /// <param name="index">The slot.</param>
    public (uint Length, ushort Id, ushort Flags) ReadDescriptor(int index)
    {
        Span<byte> bytes = stackalloc byte[16];
        Memory.TryRead(DescriptorArea + (ulong)(16 * index), bytes);
        return (
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]));
    }

    /// <inheritdoc/>
    public override bool Publish()
    {
        // The head of each chain last, so that the device sees whole chains.
        Thread.MemoryBarrier();
        foreach ((ulong address, ushort flags) in heads) WriteFlags(address, flags);
        heads.Clear();
        int count = published;
        published = 0;
        Thread.MemoryBarrier();
        if (count == 0) return false;
        ushort mode = (ushort)(Load(DeviceArea + 2) & 3);
        if (mode != 2) return mode != 1;
        ushort wanted = Load(DeviceArea);
        int slot = wanted & 0x7fff;
        if (wanted >> 15 != 0 != wrap) slot -= Size;
        return (ushort)(nextSlot - slot - 1) < (ushort)count;
    }

    /// <inheritdoc/>
    public override void RequestInterrupt()
    {
        bool events = Has(VirtioFeature.EventIndex) && WantsInterrupts;
        if (events) Store(DriverArea, Position(usedSlot, usedWrap));
        Thread.MemoryBarrier();
        Store(DriverArea + 2, (ushort)(events ? 2 : WantsInterrupts ? 0 : 1));
        Thread.MemoryBarrier();
    }

    private protected override ushort Place(ReadOnlySpan<DriverSegment> segments, bool indirect)
    {
        int needed = indirect ? 1 : segments.Length;
        if (freeSlots < needed) throw new InvalidOperationException("The ring is full.");
        ushort id = freeIds.Dequeue();
        freeSlots -= needed;
        published += needed;
        ulong table = 0;
        if (indirect)
        {
            table = Driver.Allocate(16 * segments.Length);
            for (int i = 0; i < segments.Length; i++)
                WriteDescriptor(table, i, segments[i].Address, segments[i].Length, 0, segments[i].IsWritable ? (ushort)2 : (ushort)0);
            PlaceSlot(table, (uint)(16 * segments.Length), id, 4, isHead: true);
        }
        else
        {
            for (int i = 0; i < needed; i++)
            {
                ushort flags = (ushort)((segments[i].IsWritable ? 2 : 0) | (i + 1 < needed ? 1 : 0));
                PlaceSlot(segments[i].Address, segments[i].Length, id, flags, i == 0);
            }
        }

        used[id] = (needed, table, 16 * segments.Length);
        return id;
    }

    private protected override bool TryTakeUsed(out ushort id, out uint length)
    {
        (length, id, ushort flags) = ReadDescriptor(usedSlot);
        bool isUsed = (flags & Available) != 0 == usedWrap && (flags & UsedFlag) != 0 == usedWrap;
        if (!isUsed) return false;
        Thread.MemoryBarrier();
        (length, id, flags) = ReadDescriptor(usedSlot);
        if ((flags & 2) == 0) length = 0;
        return true;
    }

    private protected override void Release(ushort id)
    {
        used.Remove(id, out (int Slots, ulong Table, int Bytes) entry);
        if (entry.Table != 0) Driver.Free(entry.Table, entry.Bytes);
        freeIds.Enqueue(id);
        freeSlots += entry.Slots;
        usedSlot += entry.Slots;
        if (usedSlot < Size) return;
        usedSlot -= Size;
        usedWrap = !usedWrap;
    }

    private static ushort Position(int slot, bool wrap) => (ushort)(slot | (wrap ? 0x8000 : 0));

    private void PlaceSlot(ulong address, uint length, ushort id, ushort flags, bool isHead)
    {
        ulong at = DescriptorArea + (ulong)(16 * nextSlot);
        flags |= wrap ? Available : UsedFlag;
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[12..], id);
        Memory.TryWrite(at, bytes[..14]);
        if (isHead) heads.Add((at, flags));
        else WriteFlags(at, flags);
        if (++nextSlot < Size) return;
        nextSlot = 0;
        wrap = !wrap;
    }

    private void WriteFlags(ulong descriptor, ushort flags) => Store(descriptor + 14, flags);

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
