using System.Runtime.CompilerServices;
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

    /// <summary>What tells a chain of one buffer that is available from all others: its phase, and no other flag of these.</summary>
    internal const ushort SingleMask = AvailableAndUsed | Descriptor.Next | Descriptor.Indirect;

    private readonly GuestMemory memory;
    private readonly RingArea descriptorArea;
    private readonly RingArea driverArea;
    private readonly RingArea deviceArea;
    private readonly RingFeatures features;

    // Where the next available descriptor is looked for, and where the next used one is written.
    private PackedPosition available = new() { Phase = Descriptor.Available };
    private PackedPosition used = new() { Phase = Descriptor.Available };

    // Slots taken and not yet written as used. A driver that makes one of them available again laps the device.
    private int lentSlots;

    // The first used descriptor since the last publication: it is written last, so that all become visible at once.
    private int heldSlot = -1;
    private ulong heldRest;
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

    /// <summary>Whether a used descriptor waits for the next publication.</summary>
    internal bool HoldsUsed => heldSlot >= 0;

    /// <summary>Where the next available descriptor is looked for.</summary>
    internal PackedPosition Position => available;

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
        && (Read(Table, available).NextOrFlags & AvailableAndUsed) == available.Phase;

    /// <summary>Reads the chain at a position, if there is one; the position stays.</summary>
    internal TakeResult Take(Span<Descriptor> table, PackedPosition position, DescriptorChain chain, out ChainFault fault)
    {
        fault = ChainFault.None;
        Descriptor first = Read(table, position);
        ushort flags = first.NextOrFlags;
        if ((flags & AvailableAndUsed) != position.Phase) return TakeResult.Nothing;
        if (lentSlots != 0 && lentSlots == Size) return Break(ChainFault.IndexRanAhead, out fault);
        if ((flags & (Descriptor.Next | Descriptor.Indirect)) == 0
            && chain.TrySetSingle(first.Address, first.Length, flags))
        {
            chain.Id = first.FlagsOrId;
            chain.Slots = 1;
            return TakeResult.Taken;
        }

        return (flags & (Descriptor.Next | Descriptor.Indirect)) == Descriptor.Indirect
            ? WalkIndirect(first, chain, out fault)
            : Walk(table, first, flags, position, chain, out fault);
    }

    /// <summary>Takes the next chain, if there is one.</summary>
    internal TakeResult Take(Span<Descriptor> table, DescriptorChain chain, out ChainFault fault)
    {
        TakeResult result = Take(table, available, chain, out fault);
        if (result is TakeResult.Taken or TakeResult.Malformed)
        {
            lentSlots += chain.Slots;
            Advance(ref available, chain.Slots, Size);
        }

        return result;
    }

    /// <summary>Reads the descriptor at a position once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Descriptor Read(Span<Descriptor> table, PackedPosition position)
    {
        ref Descriptor slot = ref table[position.Slot];
        // Acquire: the address, and the descriptors that follow this one in the chain, were written before its flags.
        ulong rest = Volatile.Read(ref slot.Rest);
        return new(slot.Address, rest);
    }

    /// <summary>All of a used descriptor but its address, of which the driver makes nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong ToUsed(ushort phase, ushort id, uint length)
    {
        // AVAIL and USED are both the lap's bit; WRITE says that bytes were written (2.8.13).
        const ulong LapOne = (ulong)AvailableAndUsed << 48;
        const ulong Written = (ulong)Descriptor.Write << 48;
        return length | ((ulong)id << 32) | (phase == Descriptor.Available ? LapOne : 0) | (length > 0 ? Written : 0);
    }

    /// <summary>Moves a position on; a new lap has the other phase.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Advance(ref PackedPosition position, int slots, int size)
    {
        position.Slot += slots;
        if (position.Slot < size) return;
        position.Slot -= size;
        position.Phase ^= AvailableAndUsed;
    }

    /// <summary>Keeps how far a batch has come whose chains were used one by one, but for the last one if the device kept that.</summary>
    /// <param name="position">Where the batch has come to.</param>
    /// <param name="first">The first used descriptor, which is not written yet; null if none was used.</param>
    /// <param name="slotsKept">The slots of the chain that the device kept.</param>
    internal void LeaveStraightWay(PackedPosition position, ulong? first, int slotsKept)
    {
        if (first is { } rest)
        {
            heldSlot = used.Slot;
            heldRest = rest;
            slotsSincePublish = position.Slot - used.Slot + (position.Phase == used.Phase ? 0 : Size);
        }

        used = available = position;
        lentSlots = slotsKept;
        Advance(ref available, slotsKept, Size);
    }

    public void EnableNotifications()
    {
        Span<ushort> suppression = MemoryMarshal.Cast<byte, ushort>(deviceArea.Span);
        if (features.EventIndex)
        {
            suppression[0] = (ushort)(available.Slot | (available.Phase == Descriptor.Available ? 0x8000 : 0));
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
        PackedPosition next = available;
        return slot != next.Slot || (position >> 15 != 0) != (next.Phase == Descriptor.Available);
    }

    public void Complete(DescriptorChain chain)
    {
        Span<Descriptor> table = Table;
        lentSlots -= chain.Slots;
        if (!features.InOrder)
        {
            Write(table, ref used, chain.Id, chain.Slots, chain.UsedLength);
            return;
        }

        // One used descriptor reports a run of chains that were filled completely (2.8.9).
        runSlots += chain.Slots;
        runId = chain.Id;
        runLength = chain.UsedLength;
        if (!chain.IsFull) EndRun(table);
    }

    public bool Publish()
    {
        if (runSlots > 0) EndRun(Table);
        if (heldSlot < 0) return false;
        // Release: all other used descriptors, and the buffers, are written before the first of them becomes visible.
        Volatile.Write(ref Table[heldSlot].Rest, heldRest);
        heldSlot = -1;
        return true;
    }

    public bool WantsInterrupt()
    {
        ushort published = (ushort)slotsSincePublish;
        slotsSincePublish = 0;
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
        bool wrap = used.Phase == Descriptor.Available;
        if (wantedWrap != wrap) wanted -= Size;
        return (ushort)(used.Slot - wanted - 1) < published;
    }

    /// <summary>Writes a used descriptor over the place of an earlier one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write(Span<Descriptor> table, ref PackedPosition position, ushort id, ushort slots, uint length)
    {
        ulong rest = ToUsed(position.Phase, id, length);
        if (heldSlot < 0) (heldSlot, heldRest) = (position.Slot, rest);
        // Release: the buffers first. The driver cannot see this one before the held one.
        else Volatile.Write(ref table[position.Slot].Rest, rest);
        slotsSincePublish += slots;
        Advance(ref position, slots, Size);
    }

    private void EndRun(Span<Descriptor> table)
    {
        Write(table, ref used, runId, (ushort)runSlots, runLength);
        runSlots = 0;
    }

    private TakeResult Walk(
        Span<Descriptor> table, Descriptor descriptor, ushort flags, PackedPosition position, DescriptorChain chain, out ChainFault fault)
    {
        ChainBuilder builder = new();
        fault = ChainFault.None;
        int slots = 1;
        while (true)
        {
            // After a fault the walk goes on for the end alone: a chain whose end is known can be returned.
            if (fault == ChainFault.None)
            {
                // MUST NOT (2.8.8 for drivers): a list is either all direct or one indirect descriptor.
                fault = (flags & Descriptor.Indirect) != 0
                    ? ChainFault.BadIndirect
                    : chain.Add(ref builder, descriptor.Address, descriptor.Length, flags);
            }

            if ((flags & Descriptor.Next) == 0) break;
            if (slots == Size - lentSlots) return Break(ChainFault.EndUnknown, out fault);
            slots++;
            Advance(ref position, 1, Size);
            descriptor = table[position.Slot];
            flags = descriptor.NextOrFlags;
            if ((flags & AvailableAndUsed) != position.Phase) return Break(ChainFault.EndUnknown, out fault);
        }

        chain.Id = descriptor.FlagsOrId;
        chain.Slots = (ushort)slots;
        if (fault == ChainFault.None) fault = chain.Finish(builder);
        return fault == ChainFault.None ? TakeResult.Taken : TakeResult.Malformed;
    }

    private TakeResult WalkIndirect(in Descriptor descriptor, DescriptorChain chain, out ChainFault fault)
    {
        chain.Id = descriptor.FlagsOrId;
        chain.Slots = 1;
        IndirectTable.Table table = default;
        fault = features.Indirect
            ? IndirectTable.TryOpen(memory, descriptor.Address, descriptor.Length, Size, out table)
            : ChainFault.BadIndirect;
        if (fault == ChainFault.None) fault = IndirectTable.WalkPacked(table, chain);
        return fault == ChainFault.None ? TakeResult.Taken : TakeResult.Malformed;
    }

    private TakeResult Break(ChainFault reason, out ChainFault fault)
    {
        fault = Broken = reason;
        return TakeResult.Broken;
    }
}
