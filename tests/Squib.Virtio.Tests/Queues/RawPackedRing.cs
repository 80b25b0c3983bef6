using Squib.Virtio.Testing;

namespace Squib.Virtio.Tests.Queues;

internal sealed class RawPackedRing(GuestDriver driver, int queue, int size, ulong descriptors, ulong driverArea, ulong deviceArea)
    : RawRing(driver, queue, size, descriptors, driverArea, deviceArea)
{
    private readonly List<(int Slot, ushort Flags)> heads = [];
    private readonly Dictionary<ushort, int> slotsOf = [];
    private ushort nextId;
    private int usedSlot;
    private bool usedWrap = true;

    public override IEnumerable<(ulong Address, ulong Length)> WrittenByDevice => [(Descriptors, 16 * (ulong)Size), (DeviceArea, 4)];

    /// <summary>Where the next descriptor goes.</summary>
    public int NextSlot { get; set; }

    /// <summary>The driver's wrap counter.</summary>
    public bool Wrap { get; set; } = true;

    /// <summary>The flags of an available descriptor in this lap.</summary>
    public ushort Phase => Wrap ? Raw.Avail : Raw.Used;

    public override void Clear()
    {
        Memory.TryWrite(Descriptors, new byte[16 * Size]);
        Memory.TryWrite(DriverArea, new byte[4]);
        Memory.TryWrite(DeviceArea, new byte[4]);
        heads.Clear();
        slotsOf.Clear();
        NextSlot = 0;
        Wrap = true;
        usedSlot = 0;
        usedWrap = true;
        nextId = 0;
    }

    public override ushort Post(params ReadOnlySpan<Raw> chain)
    {
        ushort id = nextId;
        nextId = (ushort)((nextId + 1) % Size);
        Post(id, chain);
        return id;
    }

    public void Post(ushort id, params ReadOnlySpan<Raw> chain)
    {
        for (int i = 0; i < chain.Length; i++)
        {
            bool last = i == chain.Length - 1;
            ushort flags = (ushort)(chain[i].Flags | (last ? 0 : Raw.Next) | Phase);
            // The head's flags come last, at the publication. Only the last descriptor carries the id, the others
            // garbage.
            ushort tag = last ? id : (ushort)0xdead;
            Write(NextSlot, chain[i].Address, chain[i].Length, tag, i == 0 ? (ushort)(flags ^ (Raw.Avail | Raw.Used)) : flags);
            if (i == 0) heads.Add((NextSlot, flags));
            Advance(1);
        }

        slotsOf[id] = chain.Length;
    }

    /// <summary>Writes a slot.</summary>
    public void Write(int slot, ulong address, uint length, ushort id, ushort flags) =>
        WriteDescriptor(Descriptors, slot, address, length, id, flags);

    public ushort FlagsOf(int slot) => Load16(Descriptors + (16 * (ulong)slot) + 14);

    public (uint Length, ushort Id, ushort Flags) Read(int slot)
    {
        ulong at = Descriptors + (16 * (ulong)slot);
        return (Load32(at + 8), Load16(at + 12), Load16(at + 14));
    }

    public void Advance(int slots)
    {
        NextSlot += slots;
        if (NextSlot < Size) return;
        NextSlot -= Size;
        Wrap = !Wrap;
    }

    public override void Publish()
    {
        foreach ((int slot, ushort flags) in heads) Store16(Descriptors + (16 * (ulong)slot) + 14, flags);
        heads.Clear();
    }

    public override bool TryTakeUsed(out ushort id, out uint length)
    {
        id = 0;
        length = 0;
        ushort flags = FlagsOf(usedSlot);
        if ((flags & Raw.Avail) != 0 != usedWrap || (flags & Raw.Used) != 0 != usedWrap) return false;
        // Acquire: the device may run on another CPU, and writes the flags last.
        Interlocked.MemoryBarrier();
        (length, id, flags) = Read(usedSlot);
        if ((flags & Raw.Write) == 0) length = 0;
        slotsOf.Remove(id, out int slots);
        usedSlot += Math.Max(slots, 1);
        if (usedSlot < Size) return true;
        usedSlot -= Size;
        usedWrap = !usedWrap;
        return true;
    }

    public override void WantInterrupt()
    {
        Store16(DriverArea, (ushort)(usedSlot | (usedWrap ? 0x8000 : 0)));
        Store16(DriverArea + 2, 2);
    }

    public override void WriteTable(ulong table, params ReadOnlySpan<Raw> chain)
    {
        for (int i = 0; i < chain.Length; i++) WriteDescriptor(table, i, chain[i].Address, chain[i].Length, 0xbeef, chain[i].Flags);
    }
}
