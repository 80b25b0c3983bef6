using Squib.Virtio.Queues;
using Squib.Virtio.Tests.Queues;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Packed rings that are wrong, or odd.</summary>
internal static class PackedShapes
{
    private static readonly RingFormat[] Packed = [RingFormat.Packed];

    public static IReadOnlyList<Shape> All { get; } =
    [
        Invisible("P02", "a slot in the other phase", (ring, flags) => Slot(ring, 0, (ushort)(flags ^ (Raw.Avail | Raw.Used)))),
        Invisible("P02", "a slot with both phase bits", (ring, _) => Slot(ring, 0, Raw.Avail | Raw.Used)),
        Invisible("P02", "a slot with neither phase bit", (ring, _) => Slot(ring, 0, 0)),
        Invisible("P15", "slots that the driver marks as used", (ring, flags) =>
        {
            ushort used = (ushort)(ring.Wrap ? Raw.Avail | Raw.Used : 0);
            for (int i = 0; i < 4; i++) Slot(ring, i, used);
        }),
        Invisible("P05", "a good slot behind one in the other phase", (ring, flags) =>
        {
            Slot(ring, 0, (ushort)(flags ^ (Raw.Avail | Raw.Used)));
            Slot(ring, 1, flags);
        }),
        Broken("P03", "a chain without an end", (ring, flags) =>
        {
            for (int i = 0; i < HostileBench.QueueSize; i++) Slot(ring, i, (ushort)(flags | Raw.Next));
        }),
        Broken("P04", "a chain that goes on in a slot that is not available", (ring, flags) =>
        {
            Slot(ring, 1, (ushort)((flags ^ (Raw.Avail | Raw.Used)) | Raw.Write));
            Slot(ring, 0, (ushort)(flags | Raw.Next));
        }),
        Good("P06", "a buffer id 8", (bench, ring) => Post(bench, ring, 8)),
        Good("P06", "a buffer id 0x7fff", (bench, ring) => Post(bench, ring, 0x7fff)),
        Good("P06", "a buffer id 0xffff", (bench, ring) => Post(bench, ring, 0xffff)),
        new("P07", "a buffer id twice", Packed, Fate.Any, ChainFault.None, bench =>
        {
            Post(bench, bench.Packed, 5);
            Post(bench, bench.Packed, 5);
        }),
        new("P08", "a table without the feature, in a packed ring", Packed, Fate.Dropped, ChainFault.BadIndirect, bench =>
            bench.Expect(bench.Packed.Post(new Raw(HostileBench.Table(0), 32, Raw.Indirect)))) { Indirect = false },
        new("P08", "a table in the middle of a chain", Packed, Fate.Dropped, ChainFault.BadIndirect, bench =>
            bench.Expect(bench.Packed.Post(
                Raw.In(HostileBench.Buffer(0), 8), new Raw(HostileBench.Table(0), 32, Raw.Indirect), Raw.Out(HostileBench.Buffer(1), 8)))),
        Good("P09", "a reserved mode of interrupts", (bench, ring) => Suppress(bench, ring, 0, 3)),
        Good("P09", "an event position behind the ring", (bench, ring) => Suppress(bench, ring, HostileBench.QueueSize, 2)),
        Good("P09", "an event position 0x7fff in the wrong lap", (bench, ring) => Suppress(bench, ring, 0x7fff, 2)),
        Good("P11", "a chain across the end of the ring", (bench, ring) =>
        {
            // As many slots as it takes to reach the last but one.
            while (ring.NextSlot != HostileBench.QueueSize - 2) bench.AssertServes(bench.Queue);
            bench.Offer(Chain);
        }),
    ];

    private static Raw[] Chain => [Raw.In(HostileBench.Buffer(0), 8), Raw.In(HostileBench.Buffer(1), 8), Raw.Out(HostileBench.Buffer(2), 64)];

    private static Shape Invisible(string id, string name, Action<RawPackedRing, ushort> write) =>
        new(id, name, Packed, Fate.Invisible, ChainFault.None, bench => write(bench.Packed, bench.Packed.Phase));

    private static Shape Broken(string id, string name, Action<RawPackedRing, ushort> write) =>
        new(id, name, Packed, Fate.Broken, ChainFault.None, bench => write(bench.Packed, bench.Packed.Phase));

    private static Shape Good(string id, string name, Action<HostileBench, RawPackedRing> offer) =>
        new(id, name, Packed, Fate.Taken, ChainFault.None, bench => offer(bench, bench.Packed));

    /// <summary>Writes a slot, counted from where the driver is; behind the end of the ring the phase is the other one.</summary>
    private static void Slot(RawPackedRing ring, int distance, ushort flags)
    {
        int slot = ring.NextSlot + distance;
        bool wraps = slot >= HostileBench.QueueSize;
        ring.Write(
            wraps ? slot - HostileBench.QueueSize : slot,
            HostileBench.Buffer(distance),
            64,
            (ushort)distance,
            (ushort)(flags ^ (wraps ? Raw.Avail | Raw.Used : 0)));
    }

    private static void Post(HostileBench bench, RawPackedRing ring, ushort id)
    {
        ring.Post(id, Chain);
        bench.Expect(id, Chain);
    }

    private static void Suppress(HostileBench bench, RawPackedRing ring, int position, ushort mode)
    {
        ring.Store16(ring.DriverArea, (ushort)position);
        ring.Store16(ring.DriverArea + 2, mode);
        bench.Offer(Chain);
    }
}
