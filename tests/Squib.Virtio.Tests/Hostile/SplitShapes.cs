using Squib.Virtio.Queues;
using Squib.Virtio.Tests.Queues;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Split rings that are wrong, or odd.</summary>
internal static class SplitShapes
{
    private static readonly RingFormat[] Split = [RingFormat.Split];

    public static IReadOnlyList<Shape> All { get; } =
    [
        Bad("Q01", "a descriptor that names itself", ChainFault.TooLong, ring => Write(ring, (0, 0))),
        Bad("Q01", "a writable descriptor that names itself", ChainFault.TooLong, ring => Write(ring, Raw.Write, (0, 0))),
        Bad("Q02", "two descriptors that name each other", ChainFault.TooLong, ring => Write(ring, (0, 1), (1, 0))),
        Bad("Q02", "two writable ones that name each other", ChainFault.TooLong, ring => Write(ring, Raw.Write, (0, 1), (1, 0))),
        Bad("Q05", "a whole table that is a circle", ChainFault.TooLong, ring =>
            Write(ring, [.. Enumerable.Range(0, 8).Select(i => (i, (i + 1) % 8))])) with
            { FillsRing = true },
        Bad("Q06", "a next descriptor behind the table", ChainFault.NextOutOfRange, ring => Write(ring, (0, 8))),
        Bad("Q06", "a next descriptor 0xffff", ChainFault.NextOutOfRange, ring => Write(ring, (0, 0xffff))),
        Broken("Q07", "a head behind the table", ring => ring.Offer(8)),
        Broken("Q07", "a head 0x7fff", ring => ring.Offer(0x7fff)),
        Broken("Q07", "a head 0xffff", ring => ring.Offer(0xffff)),
        Broken("Q08", "nine new entries in a ring of eight", ring => ring.AvailableIndex += 9),
        Broken("Q08", "half a lap of the index too far", ring => ring.AvailableIndex += 0x8000),
        Broken("Q09", "an index that goes back by one", ring => ring.AvailableIndex--),
        new("Q10", "an index that begins anew", Split, Fate.Broken, ChainFault.None, bench =>
        {
            for (int i = 0; i < 20; i++) bench.AssertServes(bench.Queue);
            bench.Split.AvailableIndex = 0;
        }),
        new("Q13", "the same head twice", Split, Fate.Any, ChainFault.None, bench => OfferHead(bench, 2)),
        new("Q14", "the same head in every entry", Split, Fate.Any, ChainFault.None, bench => OfferHead(bench, 8)),
        Good("Q27", "a used ring full of garbage", (bench, ring) =>
        {
            byte[] garbage = new byte[4 + (8 * 8)];
            Array.Fill(garbage, (byte)0xff);
            bench.Write(ring.DeviceArea + 4, garbage.AsSpan(4));
        }),
        Good("Q29", "all flags of the available ring", (_, ring) => ring.Store16(ring.DriverArea, 0xffff)),
        Good("Q30", "an event index half a lap ahead", (_, ring) => ring.UsedEvent = (ushort)(ring.AvailableIndex + 0x8000)),
        Good("Q30", "an event index just passed", (_, ring) => ring.UsedEvent = (ushort)(ring.AvailableIndex - 1)),
        Good("Q30", "an event index 0xffff", (_, ring) => ring.UsedEvent = 0xffff),
        new("Q28", "a kick without anything new", Split, Fate.Invisible, ChainFault.None, _ => { }),
    ];

    private static Shape Bad(string id, string name, ChainFault fault, Action<RawSplitRing> write) =>
        new(id, name, Split, Fate.Dropped, fault, bench =>
        {
            ushort head = (ushort)bench.Split.NextDescriptor;
            write(bench.Split);
            bench.Split.Offer(head);
            bench.Expect(head);
        });

    private static Shape Broken(string id, string name, Action<RawSplitRing> write) =>
        new(id, name, Split, Fate.Broken, ChainFault.None, bench => write(bench.Split));

    private static Shape Good(string id, string name, Action<HostileBench, RawSplitRing> write) =>
        new(id, name, Split, Fate.Taken, ChainFault.None, bench =>
        {
            bench.Offer(Raw.In(HostileBench.Buffer(0), 16), Raw.Out(HostileBench.Buffer(1), 64));
            write(bench, bench.Split);
        });

    private static void Write(RawSplitRing ring, params (int At, int Next)[] chain) => Write(ring, 0, chain);

    /// <summary>Writes descriptors; numbers count from where the driver is in the table, if they are inside it.</summary>
    private static void Write(RawSplitRing ring, ushort direction, params (int At, int Next)[] chain)
    {
        int first = ring.NextDescriptor;
        foreach ((int at, int next) in chain)
        {
            int target = next < HostileBench.QueueSize ? (first + next) % HostileBench.QueueSize : next;
            ring.Write(
                (first + at) % HostileBench.QueueSize,
                HostileBench.Buffer(at),
                16,
                (ushort)(direction | Raw.Next),
                (ushort)target);
        }

        ring.NextDescriptor = (first + chain.Length) % HostileBench.QueueSize;
    }

    private static void OfferHead(HostileBench bench, int times)
    {
        int head = bench.Split.NextDescriptor;
        Raw chain = Raw.Out(HostileBench.Buffer(0), 64);
        bench.Split.Write(head, chain.Address, chain.Length, chain.Flags, 0);
        for (int i = 0; i < times; i++) bench.Split.Offer((ushort)head);
        bench.Expect((ushort)head, chain);
    }
}
