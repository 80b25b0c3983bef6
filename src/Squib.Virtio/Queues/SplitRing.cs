using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Squib.Virtio.Memory;

namespace Squib.Virtio.Queues;

/// <summary>The device's side of a split ring (virtio 1.2, 2.7).</summary>
/// <remarks>Indices are kept here and never read back from the ring: what the driver does to them changes nothing.</remarks>
internal sealed class SplitRing : IRing
{
    private const ushort NoInterrupt = 1;
    private const ushort NoNotify = 1;

    private readonly GuestMemory memory;
    private readonly RingArea descriptorArea;
    private readonly RingArea driverArea;
    private readonly RingArea deviceArea;
    private readonly RingFeatures features;
    private readonly ushort mask;
    private ushort nextAvailable;
    private ushort nextUsed;
    private ushort publishedUsed;
    private int runCount;
    private ushort runId;
    private uint runLength;

    private SplitRing(GuestMemory memory, int size, in RingFeatures features, RingArea table, RingArea driver, RingArea device)
    {
        this.memory = memory;
        this.features = features;
        Size = size;
        mask = (ushort)(size - 1);
        descriptorArea = table;
        driverArea = driver;
        deviceArea = device;
    }

    public int Size { get; }

    public ChainFault Broken { get; private set; }

    /// <summary>The free-running position of the next chain to take; a batch moves it at its end.</summary>
    internal ushort NextAvailable
    {
        get => nextAvailable;
        set => nextAvailable = value;
    }

    /// <summary>The free-running position of the next used element.</summary>
    internal ushort NextUsed
    {
        get => nextUsed;
        set => nextUsed = value;
    }

    internal Span<Descriptor> Table => MemoryMarshal.Cast<byte, Descriptor>(descriptorArea.Span);

    /// <summary>The heads, without the flags and index before and used_event behind them.</summary>
    internal Span<ushort> Heads => AvailableFields.Slice(2, Size);

    /// <summary>The elements of the used ring, without the flags and index before and avail_event behind them.</summary>
    internal Span<UsedElement> Used => MemoryMarshal.Cast<byte, UsedElement>(deviceArea.Span.Slice(4, Size * UsedElement.Size));

    private Span<ushort> AvailableFields => MemoryMarshal.Cast<byte, ushort>(driverArea.Span);

    private Span<ushort> UsedFields => MemoryMarshal.Cast<byte, ushort>(deviceArea.Span);

    private int UsedEvent => 2 + Size;

    private int AvailableEvent => 2 + (Size * 4);

    internal static SplitRing? TryCreate(QueueRegisters registers, GuestMemory memory, int size, in RingFeatures features)
    {
        bool resolved =
            RingArea.TryResolve(memory, registers.DescriptorArea, 16 * size, 16, writable: false, out RingArea table)
            & RingArea.TryResolve(memory, registers.DriverArea, 6 + (2 * size), 2, writable: false, out RingArea driver)
            & RingArea.TryResolve(memory, registers.DeviceArea, 6 + (8 * size), 4, writable: true, out RingArea device);
        return resolved ? new(memory, size, features, table, driver, device) : null;
    }

    public void Break(ChainFault fault) => Broken = fault;

    public bool HasAvailable() => Broken == ChainFault.None && Volatile.Read(ref AvailableFields[1]) != nextAvailable;

    /// <summary>How many chains the driver has made available; reads the index once.</summary>
    internal int CountAvailable()
    {
        // Acquire: the entries and descriptors that the index covers are read after it.
        ushort ahead = (ushort)(Volatile.Read(ref AvailableFields[1]) - nextAvailable);
        if (ahead <= Size) return ahead;
        Broken = ChainFault.IndexRanAhead;
        return 0;
    }

    /// <summary>Reads the chain with a head.</summary>
    internal TakeResult Take(Span<Descriptor> table, int head, DescriptorChain chain, out ChainFault fault)
    {
        if ((uint)head >= (uint)table.Length)
        {
            fault = Broken = ChainFault.HeadOutOfRange;
            return TakeResult.Broken;
        }

        chain.Id = (ushort)head;
        fault = Walk(table, head, chain);
        return fault == ChainFault.None ? TakeResult.Taken : TakeResult.Malformed;
    }

    public void EnableNotifications()
    {
        // MUST (2.7.10.1): with EVENT_IDX the flag stays 0 and the event index says when.
        if (features.EventIndex) UsedFields[AvailableEvent] = nextAvailable;
        else UsedFields[0] = 0;
    }

    public void DisableNotifications()
    {
        // With EVENT_IDX the event index simply stays behind.
        if (!features.EventIndex) UsedFields[0] = NoNotify;
    }

    public bool IsNews(ushort position, out bool valid)
    {
        ushort ahead = (ushort)(position - Volatile.Read(ref nextAvailable));
        valid = ahead <= Size;
        return ahead != 0;
    }

    public void Complete(DescriptorChain chain)
    {
        Span<UsedElement> used = Used;
        if (features.InOrder)
        {
            // A run of chains is reported by the element of the last one (2.7.9). The driver takes those before it as filled completely,
            // so a chain that is not ends the run.
            runCount++;
            runId = chain.Id;
            runLength = chain.UsedLength;
            if (!chain.IsFull) EndRun(used);
            return;
        }

        used[nextUsed & mask] = new() { Id = chain.Id, Length = chain.UsedLength };
        nextUsed++;
    }

    public bool Publish()
    {
        if (runCount > 0) EndRun(Used);
        if (nextUsed == publishedUsed) return false;
        // Release: the buffers and elements are written before the index that covers them.
        Volatile.Write(ref UsedFields[1], nextUsed);
        return true;
    }

    public bool WantsInterrupt()
    {
        ushort old = publishedUsed;
        publishedUsed = nextUsed;
        Span<ushort> available = AvailableFields;
        if (!features.EventIndex) return (Volatile.Read(ref available[0]) & NoInterrupt) == 0;
        ushort usedEvent = Volatile.Read(ref available[UsedEvent]);
        return (ushort)(nextUsed - usedEvent - 1) < (ushort)(nextUsed - old);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ChainFault Walk(Span<Descriptor> table, int at, DescriptorChain chain)
    {
        ChainBuilder builder = new();
        for (int left = table.Length; left > 0; left--)
        {
            if ((uint)at >= (uint)table.Length) return ChainFault.NextOutOfRange;
            // Copied once, so that what was checked is what is used.
            Descriptor descriptor = table[at];
            uint flags = descriptor.FlagsAndNext;
            if ((flags & Descriptor.Indirect) != 0)
                return WalkIndirect(descriptor.Address, descriptor.Length, flags, chain, builder);
            ChainFault fault = chain.Add(ref builder, descriptor.Address, descriptor.Length, flags);
            if (fault != ChainFault.None) return fault;
            if ((flags & Descriptor.Next) == 0) return chain.Finish(builder);
            at = (int)(flags >> 16);
        }

        // MUST NOT (2.7.5.2 for drivers): a chain longer than the queue is a loop.
        return ChainFault.TooLong;
    }

    private ChainFault WalkIndirect(ulong address, uint length, uint flags, DescriptorChain chain, ChainBuilder builder)
    {
        if (!features.Indirect || (flags & Descriptor.Next) != 0) return ChainFault.BadIndirect;
        // MUST (2.7.5.3.2): the WRITE flag of the descriptor that refers to the table is ignored.
        ChainFault fault = IndirectTable.TryOpen(memory, address, length, Size, out IndirectTable.Table table);
        return fault == ChainFault.None ? IndirectTable.WalkSplit(table, chain, builder) : fault;
    }

    private void EndRun(Span<UsedElement> used)
    {
        used[nextUsed & mask] = new() { Id = runId, Length = runLength };
        nextUsed += (ushort)runCount;
        runCount = 0;
    }
}
