using System.Runtime.InteropServices;
using Squib.Virtio.Memory;

namespace Squib.Virtio.Queues;

/// <summary>The device's side of a packed ring (virtio 1.2, 2.8).</summary>
internal sealed class PackedRing : IRing
{
    private const ushort EventsEnabled = 0;
    private const ushort EventsDisabled = 1;
    private const ushort EventsAtPosition = 2;
    private const ushort AvailableAndUsed = Descriptor.Available | Descriptor.Used;

    private readonly GuestMemory memory;
    private readonly RingArea descriptorArea;
    private readonly RingArea driverArea;
    private readonly RingArea deviceArea;
    private readonly RingFeatures features;

    // Where the next available descriptor is looked for, and where the next used one is written. The flags are those that a
    // descriptor has there when it is available, or when it is used, in the present lap.
    private int availableSlot;
    private ushort availableFlags = Descriptor.Available;
    private int usedSlot;
    private ushort usedFlags = AvailableAndUsed;

    // Slots taken and not yet written as used. A driver that makes one of them available again laps the device.
    private int lentSlots;

    // The first used descriptor since the last publication: its flags are written last, so that all become visible at once.
    private int heldSlot = -1;
    private ushort heldFlags;
    private int slotsSincePublish;

    private int runSlots;
    private ushort runId;
    private uint runLength;

    private PackedRing(GuestMemory memory, int size, in RingFeatures features, RingArea table, RingArea driver, RingArea device)
    {
        this.memory = memory;
        this.features = features;
        Size = size;
        descriptorArea = table;
        driverArea = driver;
        deviceArea = device;
    }

    public int Size { get; }

    public ChainFault Broken { get; private set; }

    internal Span<Descriptor> Table => MemoryMarshal.Cast<byte, Descriptor>(descriptorArea.Span);

    internal static PackedRing? TryCreate(QueueRegisters registers, GuestMemory memory, int size, in RingFeatures features)
    {
        bool resolved =
            RingArea.TryResolve(memory, registers.DescriptorArea, 16 * size, 16, writable: true, out RingArea table)
            & RingArea.TryResolve(memory, registers.DriverArea, 4, 4, writable: false, out RingArea driver)
            & RingArea.TryResolve(memory, registers.DeviceArea, 4, 4, writable: true, out RingArea device);
        return resolved ? new(memory, size, features, table, driver, device) : null;
    }

    public void Break(ChainFault fault) => Broken = fault;

    public bool HasAvailable() =>
        Broken == ChainFault.None
        && (Volatile.Read(ref Table[availableSlot].NextOrFlags) & AvailableAndUsed) == availableFlags;

    /// <summary>Takes the next chain, if there is one.</summary>
    internal TakeResult Take(Span<Descriptor> table, DescriptorChain chain, out ChainFault fault)
    {
        fault = ChainFault.None;
        ref Descriptor slot = ref table[availableSlot];
        // Acquire: the rest of the descriptor, and those that follow it in the chain, were written before these flags.
        ushort flags = Volatile.Read(ref slot.NextOrFlags);
        if ((flags & AvailableAndUsed) != availableFlags) return TakeResult.Nothing;
        Descriptor first = slot;
        if (lentSlots == Size) return Break(ChainFault.IndexRanAhead, out fault);
        if ((flags & (Descriptor.Next | Descriptor.Indirect)) != 0
            || !chain.TrySetSingle(first.Address, first.Length, (flags & Descriptor.Write) != 0))
        {
            return Walk(table, first, flags, chain, out fault);
        }

        chain.Id = first.FlagsOrId;
        chain.Slots = 1;
        AdvanceAvailable(1);
        return TakeResult.Taken;
    }

    public void EnableNotifications()
    {
        Span<ushort> suppression = MemoryMarshal.Cast<byte, ushort>(deviceArea.Span);
        if (features.EventIndex)
        {
            suppression[0] = (ushort)(availableSlot | (availableFlags == Descriptor.Available ? 0x8000 : 0));
            // Release: the driver that sees the mode sees the position it goes with.
            Volatile.Write(ref suppression[1], EventsAtPosition);
        }
        else
        {
            Volatile.Write(ref suppression[1], EventsEnabled);
        }
    }

    public void DisableNotifications()
    {
        // With EVENT_IDX the position simply stays behind.
        if (!features.EventIndex)
            Volatile.Write(ref MemoryMarshal.Cast<byte, ushort>(deviceArea.Span)[1], EventsDisabled);
    }

    public bool IsNews(ushort position, out bool valid)
    {
        int slot = position & 0x7fff;
        valid = slot < Size;
        return slot != Volatile.Read(ref availableSlot) || (position >> 15 != 0) != (availableFlags == Descriptor.Available);
    }

    public void Complete(ushort id, ushort slots, uint length, bool full)
    {
        Span<Descriptor> table = Table;
        if (!features.InOrder)
        {
            Write(table, id, slots, length);
            return;
        }

        // One used descriptor reports a run of chains that were filled completely (2.8.9).
        runSlots += slots;
        runId = id;
        runLength = length;
        if (!full) EndRun(table);
    }

    /// <summary>Writes the used descriptor of a chain over the place of an earlier one.</summary>
    internal void Write(Span<Descriptor> table, ushort id, ushort slots, uint length)
    {
        ref Descriptor slot = ref table[usedSlot];
        slot.FlagsOrId = id;
        slot.Length = length;
        // MUST (2.8.13 describes it): WRITE says that bytes were written.
        ushort flags = (ushort)(usedFlags | (length > 0 ? Descriptor.Write : 0));
        if (heldSlot < 0)
        {
            heldSlot = usedSlot;
            heldFlags = flags;
        }
        else
        {
            // Release: id and length first. The driver cannot see this one before the held one.
            Volatile.Write(ref slot.NextOrFlags, flags);
        }

        slotsSincePublish += slots;
        lentSlots -= slots;
        usedSlot += slots;
        if (usedSlot < Size) return;
        usedSlot -= Size;
        usedFlags ^= AvailableAndUsed;
    }

    public bool Publish()
    {
        if (runSlots > 0) EndRun(Table);
        if (heldSlot < 0) return false;
        // Release: all that the used descriptors say is written before the flags that make the first of them visible.
        Volatile.Write(ref Table[heldSlot].NextOrFlags, heldFlags);
        heldSlot = -1;
        ushort published = (ushort)slotsSincePublish;
        slotsSincePublish = 0;
        // Full fence: the driver that changes its suppression structure and then looks for used descriptors must either see them or
        // be seen here (2.8.21.3.1 describes the same race from the driver's side).
        Thread.MemoryBarrier();
        Span<ushort> suppression = MemoryMarshal.Cast<byte, ushort>(driverArea.Span);
        int mode = Volatile.Read(ref suppression[1]) & 3;
        if (mode == EventsDisabled) return false;
        // Mode 3 is reserved; an interrupt too many does no harm.
        return mode != EventsAtPosition || !features.EventIndex || Passed(suppression[0], published);
    }

    /// <summary>Whether the position that the driver asks about is among the slots just used.</summary>
    private bool Passed(ushort position, ushort published)
    {
        int wanted = position & 0x7fff;
        bool wantedWrap = position >> 15 != 0;
        bool wrap = usedFlags == AvailableAndUsed;
        if (wantedWrap != wrap) wanted -= Size;
        return (ushort)(usedSlot - wanted - 1) < published;
    }

    private void EndRun(Span<Descriptor> table)
    {
        Write(table, runId, (ushort)runSlots, runLength);
        runSlots = 0;
    }

    private void AdvanceAvailable(int slots)
    {
        lentSlots += slots;
        int next = availableSlot + slots;
        if (next >= Size)
        {
            next -= Size;
            availableFlags ^= AvailableAndUsed;
        }

        availableSlot = next;
    }

    private TakeResult Walk(Span<Descriptor> table, Descriptor descriptor, ushort flags, DescriptorChain chain, out ChainFault fault)
    {
        ChainBuilder builder = new();
        fault = ChainFault.None;
        int slot = availableSlot;
        ushort phase = availableFlags;
        int slots = 1;
        while (true)
        {
            // After a fault the walk goes on for the end alone: a chain whose end is known can be returned.
            if (fault == ChainFault.None) fault = Add(descriptor, flags, slots, chain, ref builder);
            if ((flags & Descriptor.Next) == 0) break;
            if (slots == Size - lentSlots) return Break(ChainFault.EndUnknown, out fault);
            slots++;
            if (++slot == Size)
            {
                slot = 0;
                phase ^= AvailableAndUsed;
            }

            descriptor = table[slot];
            flags = descriptor.NextOrFlags;
            if ((flags & AvailableAndUsed) != phase) return Break(ChainFault.EndUnknown, out fault);
        }

        chain.Id = descriptor.FlagsOrId;
        chain.Slots = (ushort)slots;
        AdvanceAvailable(slots);
        if (fault == ChainFault.None) fault = chain.Finish(builder);
        return fault == ChainFault.None ? TakeResult.Taken : TakeResult.Malformed;
    }

    private ChainFault Add(in Descriptor descriptor, ushort flags, int slots, DescriptorChain chain, ref ChainBuilder builder)
    {
        if ((flags & Descriptor.Indirect) == 0)
            return chain.Add(ref builder, descriptor.Address, descriptor.Length, (flags & Descriptor.Write) != 0);
        // MUST NOT (2.8.8 for drivers): a list is either all direct or one indirect descriptor.
        if (!features.Indirect || (flags & Descriptor.Next) != 0 || slots > 1) return ChainFault.BadIndirect;
        ChainFault fault = IndirectTable.TryOpen(memory, descriptor.Address, descriptor.Length, Size, out IndirectTable.Table table);
        return fault == ChainFault.None ? IndirectTable.WalkPacked(table, chain, ref builder) : fault;
    }

    private TakeResult Break(ChainFault reason, out ChainFault fault)
    {
        fault = Broken = reason;
        return TakeResult.Broken;
    }
}
