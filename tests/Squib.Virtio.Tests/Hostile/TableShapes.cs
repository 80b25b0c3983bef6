using Squib.Virtio.Queues;
using Squib.Virtio.Tests.Queues;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Tables of descriptors that are wrong, or odd.</summary>
internal static class TableShapes
{
    private static readonly RingFormat[] Both = [RingFormat.SplitIndirect, RingFormat.PackedIndirect];
    private static readonly RingFormat[] Split = [RingFormat.SplitIndirect];
    private static readonly RingFormat[] Packed = [RingFormat.PackedIndirect];
    private static readonly ulong Table = HostileBench.Table(0);

    public static IReadOnlyList<Shape> All { get; } =
    [
        Refers("I01", "a table without the feature", 32) with { Indirect = false },
        Refers("I02", "a table of no bytes", 0),
        Refers("I03", "a table of 8 bytes", 8),
        Refers("I03", "a table of 15 bytes", 15),
        Refers("I03", "a table of 17 bytes", 17),
        Refers("I03", "a table of 49 bytes", 49),
        Refers("I04", "a table of almost 4 GiB", 0xffff_fff0),
        Refers("I04", "a table of 65537 entries", 16 * 65_537),
        Refers("I04", "a table of 1025 entries", 16 * 1025),
        Bad("I05", "a table in a table", ChainFault.BadIndirect, Both, bench => Post(bench, new Raw(HostileBench.Table(1), 32, Raw.Indirect))),
        Bad("I06", "a table with a next descriptor", ChainFault.BadIndirect, Both, OfferTableWithNext),
        Bad("I07", "an entry that names one outside the table", ChainFault.NextOutOfRange, Split, bench => OfferEntry(bench, 2)),
        Bad("I07", "an entry that names 0xffff", ChainFault.NextOutOfRange, Split, bench => OfferEntry(bench, 0xffff)),
        Bad("I07", "an entry that names itself", ChainFault.TooLong, Split, bench => OfferEntry(bench, 0)),
        Bad("I07", "entries that name each other", ChainFault.TooLong, Split, OfferLoop),
        Refers("I08", "a table outside memory", 32, ChainFault.OutsideMemory, 0xdead_0000),
        Refers("I08", "a table past the end of memory", 32, ChainFault.OutsideMemory, HostileBench.R0 + HostileBench.R0Length - 16),
        Refers("I08", "a table past 2^64", 32, ChainFault.OutsideMemory, 0xffff_ffff_ffff_fff0),
        Good("I08", "a table across regions that touch", Both, bench => OfferAt(bench, HostileBench.R2 - 24)),
        Good("I09", "the flag for writing beside that for a table", Both, bench => OfferAt(bench, Table, Raw.Write)),
        Good("I10", "a table after two descriptors", Split, OfferMixed),
        Good("I15", "a table at an odd address", Both, bench => OfferAt(bench, Table + 1)),
        Good("P08", "bits of the ring in a table", Packed, bench => bench.Offer(
            new Raw(HostileBench.Buffer(0), 16, Raw.Next | Raw.Used),
            new Raw(HostileBench.Buffer(1), 64, Raw.Write | Raw.Avail))),
    ];

    private static Shape Refers(
        string id, string name, uint length, ChainFault fault = ChainFault.BadIndirect, ulong? table = null) =>
        Bad(id, name, fault, Both, bench =>
        {
            bench.Ring.WriteTable(Table, Chain);
            Post(bench, new Raw(table ?? Table, length, Raw.Indirect));
        });

    private static Shape Bad(string id, string name, ChainFault fault, RingFormat[] formats, Action<HostileBench> offer) =>
        new(id, name, formats, Fate.Dropped, fault, offer);

    private static Shape Good(string id, string name, RingFormat[] formats, Action<HostileBench> offer) =>
        new(id, name, formats, Fate.Taken, ChainFault.None, offer);

    private static Raw[] Chain => [Raw.In(HostileBench.Buffer(0), 16), Raw.Out(HostileBench.Buffer(1), 64)];

    /// <summary>A table with one entry, and the descriptor for it; the chain may write nothing.</summary>
    private static void Post(HostileBench bench, Raw descriptor)
    {
        if (descriptor.Address == HostileBench.Table(1))
        {
            bench.Ring.WriteTable(HostileBench.Table(1), Chain);
            bench.Expect(bench.Ring.PostIndirect(Table, descriptor));
            return;
        }

        bench.Expect(bench.Ring.Post(descriptor));
    }

    private static void OfferTableWithNext(HostileBench bench)
    {
        bench.Ring.WriteTable(Table, Chain);
        bench.Expect(bench.Ring.Post(new Raw(Table, 32, Raw.Indirect), Raw.Out(HostileBench.Buffer(2), 8)));
    }

    private static void OfferEntry(HostileBench bench, ushort next)
    {
        bench.Ring.WriteDescriptor(Table, 0, HostileBench.Buffer(0), 16, Raw.Next, next);
        bench.Ring.WriteDescriptor(Table, 1, HostileBench.Buffer(1), 16, 0, 0);
        bench.Expect(bench.Ring.Post(new Raw(Table, 32, Raw.Indirect)));
    }

    private static void OfferLoop(HostileBench bench)
    {
        bench.Ring.WriteDescriptor(Table, 0, HostileBench.Buffer(0), 16, Raw.Next, 1);
        bench.Ring.WriteDescriptor(Table, 1, HostileBench.Buffer(1), 16, Raw.Next, 0);
        bench.Expect(bench.Ring.Post(new Raw(Table, 32, Raw.Indirect)));
    }

    private static void OfferAt(HostileBench bench, ulong table, ushort flags = 0)
    {
        bench.Ring.WriteTable(table, Chain);
        bench.Expect(bench.Ring.Post(new Raw(table, 32, (ushort)(Raw.Indirect | flags))), Chain);
    }

    private static void OfferMixed(HostileBench bench)
    {
        Raw[] direct = [Raw.In(HostileBench.Buffer(2), 8), Raw.In(HostileBench.Buffer(3), 8)];
        bench.Ring.WriteTable(Table, Chain);
        bench.Expect(bench.Ring.Post([.. direct, new Raw(Table, 32, Raw.Indirect)]), Chain);
    }
}
