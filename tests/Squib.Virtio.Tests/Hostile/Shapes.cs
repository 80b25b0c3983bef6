using Squib.Virtio.Queues;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Chains that are wrong, or odd, in every format.</summary>
internal static class Shapes
{
    private const ulong EndOfR0 = HostileBench.R0 + HostileBench.R0Length;
    private const ulong EndOfR2 = HostileBench.R2 + HostileBench.R1Length;

    private static readonly RingFormat[] Every = Enum.GetValues<RingFormat>();

    private static readonly RingFormat[] Tables = [RingFormat.SplitIndirect, RingFormat.PackedIndirect];

    public static IReadOnlyList<Shape> All { get; } = [.. Chains(), .. TableShapes.All, .. SplitShapes.All, .. PackedShapes.All];

    public static Shape Find(string name) => All.Single(shape => shape.Name == name);

    private static IEnumerable<Shape> Chains() =>
    [
        Bad("Q15", "a buffer without bytes to write", ChainFault.Empty, Out(0, 0)),
        Bad("Q15", "a buffer without bytes to read", ChainFault.Empty, In(0, 0)),
        Bad("Q15", "only buffers without bytes", ChainFault.Empty, In(0, 0), In(1, 0), Out(2, 0)),
        Good("Q15", "buffers without bytes among others", In(0, 16), In(1, 0), Out(2, 64), Out(3, 0), Out(4, 1)),
        Bad("Q16", "a length of 2^32 - 1", ChainFault.OutsideMemory, In(0, 16), Out(1, 0xffff_ffff)),
        Bad("Q16", "a length of 2^32 - 1 to read", ChainFault.OutsideMemory, In(0, 0xffff_ffff)),
        Bad("Q16", "a length that is negative as an int", ChainFault.OutsideMemory, In(0, 16), Out(1, 0x8000_0000)),
        Bad("Q17", "an address and length past 2^64", ChainFault.OutsideMemory, Raw.Out(0xffff_ffff_ffff_f000, 0x2000)),
        Bad("Q17", "the last byte of all", ChainFault.OutsideMemory, In(0, 16), Raw.Out(0xffff_ffff_ffff_ffff, 1)),
        Bad("Q17", "an address in no region", ChainFault.OutsideMemory, Raw.In(0xdead_0000, 16), Out(0, 16)),
        Good("Q18", "a buffer up to the end of its region", In(0, 16), Raw.Out(EndOfR0 - 256, 256)),
        Bad("Q18", "a byte past the end of its region", ChainFault.OutsideMemory, In(0, 16), Raw.Out(EndOfR0 - 255, 256)),
        Bad("Q18", "a byte past the end of all memory", ChainFault.OutsideMemory, In(0, 4), Raw.Out(EndOfR2 - 15, 16)),
        Bad("Q19", "a buffer across a hole", ChainFault.OutsideMemory, In(0, 16), Raw.Out(EndOfR0 - 8, 0x1fc_0010)),
        Bad("Q19", "a buffer over the registers of the device", ChainFault.OutsideMemory, In(0, 16), Raw.Out(new Slot(0).Range.Start, 16)),
        Bad("Q19", "the registers of the device to read", ChainFault.OutsideMemory, Raw.In(new Slot(0).Range.Start, 16), Out(0, 16)),
        Good("Q19", "buffers across regions that touch", Raw.In(HostileBench.R2 - 8, 16), Raw.Out(HostileBench.R2 - 600, 1200)),
        Bad("Q20", "more than four gigabytes", ChainFault.TooManyBytes, Tables, Large(1024)),
        Good("Q20", "many megabytes", In(0, 16), new(HostileBench.Large, HostileBench.LargeLength, Raw.Write), Out(1, 1)),
        Good("Q20", "many megabytes to read", new Raw(HostileBench.Large, HostileBench.LargeLength, 0), Out(1, 1)) with { IsLong = true },
        Bad("Q22", "a buffer to read after one to write", ChainFault.ReadableAfterWritable, Out(0, 64), In(1, 64)),
        Bad("Q22", "one to read among those to write", ChainFault.ReadableAfterWritable, In(0, 8), Out(1, 8), In(2, 8), Out(3, 8)),
        new("Q23", "undefined flags", Every, Fate.Taken, ChainFault.None, OfferUndefinedFlags),
        Good("Q24", "read-only memory to read", Raw.In(HostileBench.Rom + 0x800, 64), Out(0, 64)),
        Bad("Q24", "read-only memory to write", ChainFault.OutsideMemory, In(0, 16), Raw.Out(HostileBench.Rom + 0x800, 16)),
        Good("Q35", "single bytes", In(0, 1), In(1, 1), In(2, 1), Out(3, 1), Out(4, 1)),
        Good("Q35", "all in two buffers", In(0, 4096), Out(1, 4096)),
        Good("Q35", "nothing to write", In(0, 4096), In(1, 100)),
        Good("Q35", "nothing to read", Out(0, 4096), Out(1, 100)),
        Good("Q35", "buffers that overlap", In(0, 64), Out(0, 64), Out(0, 64)),
        Good("Q04", "as many descriptors as the queue has", In(0, 16), In(1, 8), In(2, 8), Out(3, 64), Out(4, 64), Out(5, 64), Out(6, 9), Out(7, 1)),
        new("Q33", "a full ring", Every, Fate.Taken, ChainFault.None, OfferFullRing) { FillsRing = true },
        new("Q32", "descriptors that become garbage after the kick", Every, Fate.Any, ChainFault.None, OfferOdd) { After = Spoil },
    ];

    private static Raw In(int buffer, uint length) => Raw.In(HostileBench.Buffer(buffer), length);

    private static Raw Out(int buffer, uint length) => Raw.Out(HostileBench.Buffer(buffer), length);

    private static Raw[] Large(int count) =>
        [.. Enumerable.Repeat(Raw.Out(HostileBench.Large, HostileBench.LargeLength), count)];

    private static Shape Bad(string id, string name, ChainFault fault, params Raw[] chain) => Bad(id, name, fault, Every, chain);

    private static Shape Bad(string id, string name, ChainFault fault, RingFormat[] formats, params Raw[] chain) =>
        new(id, name, formats, Fate.Dropped, fault, bench => bench.Expect(bench.Offer(chain)));

    private static Shape Good(string id, string name, params Raw[] chain) =>
        new(id, name, Every, Fate.Taken, ChainFault.None, bench => bench.Offer(chain)) { FillsRing = chain.Length > 5 };

    private static void OfferUndefinedFlags(HostileBench bench)
    {
        // In a packed ring two of these bits say whether the descriptor is available.
        ushort undefined = (ushort)(0xfff8 & (bench.Format == RingFormat.Packed ? ~(Raw.Avail | Raw.Used) : 0xffff));
        bench.Offer(new(HostileBench.Buffer(0), 16, undefined), new(HostileBench.Buffer(1), 100, (ushort)(undefined | Raw.Write)));
    }

    private static void OfferFullRing(HostileBench bench)
    {
        for (int i = 0; i < HostileBench.QueueSize; i++) bench.Offer(Out(i, 600));
    }

    private static void OfferOdd(HostileBench bench) => bench.Offer(In(0, 16), Out(1, 64));

    private static void Spoil(HostileBench bench)
    {
        byte[] garbage = new byte[32];
        Array.Fill(garbage, (byte)0xfa);
        bench.Write(bench.Format.IsIndirect() ? HostileBench.Table(0) : bench.Ring.Descriptors, garbage.AsSpan(0, 14));
        bench.Write(HostileBench.Buffer(0), garbage);
    }
}
