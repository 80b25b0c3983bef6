using Squib.Virtio.Queues;
using Squib.Virtio.Tests.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Every shape, in every format that can have it, on every queue of every device, with different bytes in the buffers.</summary>
public sealed class MatrixTests
{
    // Zeros, ones, and a different byte everywhere; nobody should read the bytes of a chain that is dropped.
    private static readonly byte?[] Fills = [null, 0, 0xff];

    /// <summary>One run of so many is done twice; all of them are when SQUIB_LONG is 1.</summary>
    private static int RunsPerRepetition => LongRun.IsOn ? 1 : 3;

    public static IEnumerable<ITheoryDataRow> Rows
    {
        get
        {
            foreach (Shape shape in Shapes.All)
            {
                foreach (RingFormat format in shape.Formats)
                {
                    TheoryDataRow<string, RingFormat> row = new(shape.Name, format);
                    row.Traits["Case"] = [.. Ids(shape, format)];
                    yield return row;
                }
            }
        }
    }

    [Theory, MemberData(nameof(Rows))]
    public void A_hostile_ring_has_the_same_fate_on_every_queue_of_every_device(string name, RingFormat format)
    {
        Shape shape = Shapes.Find(name);
        List<string> failures = [];
        // Each shape begins elsewhere, so that every queue is among those that are repeated.
        int runs = name.Length;
        foreach ((string victim, int queue) in Victims.Queues)
        {
            foreach (byte? fill in FillsFor(shape))
            {
                try
                {
                    (int attacked, int recovered) = Run(victim, queue, format, fill, shape);
                    if (shape.IsLong || runs++ % RunsPerRepetition != 0) continue;
                    Assert.Equal((attacked, recovered), Run(victim, queue, format, fill, shape));
                }
                catch (Exception e)
                {
                    failures.Add($"{victim}, queue {queue}, bytes {fill?.ToString("x2") ?? "mixed"}: {e}");
                }
            }
        }

        Assert.True(failures.Count == 0, $"{failures.Count} runs failed:\n{string.Join('\n', failures.Take(3))}");
    }

    [Fact]
    public void The_matrix_is_large()
    {
        int runs = Shapes.All.Sum(shape => shape.Formats.Length * FillsFor(shape).Length) * Victims.Queues.Count();
        Assert.InRange(runs, 8000, 50_000);
    }

    private static byte?[] FillsFor(Shape shape) =>
        LongRun.IsOn || shape.Fate is Fate.Taken or Fate.Any ? Fills : Fills[..1];

    private static IEnumerable<string> Ids(Shape shape, RingFormat format)
    {
        yield return shape.Case;
        // P13 is the packed twin of these.
        if (format.IsPacked() && shape.Case is "Q15" or "Q16" or "Q17" or "Q18" or "Q19" or "Q20") yield return "P13";
    }

    /// <summary>One run.</summary>
    /// <returns>What it came to: after the attack, and after the reset. Another run comes to the same (G10).</returns>
    private static (int Attacked, int Recovered) Run(string victim, int queue, RingFormat format, byte? fill, Shape shape)
    {
        using HostileBench bench = new(Victims.All[victim].Make(), queue, format, fill, shape.Indirect);
        shape.Offer(bench);
        switch (shape.Fate)
        {
            case Fate.Dropped: RunDropped(bench, shape); break;
            case Fate.Broken: RunBroken(bench); break;
            case Fate.Taken: RunTaken(bench); break;
            case Fate.Invisible: RunInvisible(bench); break;
            default: RunAny(bench, shape); break;
        }

        int attacked = bench.Fingerprint();
        bench.AssertRecovers();
        return (attacked, bench.Fingerprint());
    }

    private static void RunDropped(HostileBench bench, Shape shape)
    {
        ushort bad = Assert.Single(bench.Pending).Key;
        (ushort Id, Ask Ask)? next = shape.FillsRing ? null : bench.OfferAsk(bench.Queue);
        bench.Kick();
        Assert.True(bench.Ring.TryTakeUsed(out ushort id, out uint length), "The bad chain was not returned.");
        Assert.Equal((bad, 0u), (id, length));
        if (next is { } ask)
        {
            // What the device keeps goes back when there is a reason.
            bench.Victim.Stimulate(bench, bench.Queue);
            bench.AssertAnswered(bench.Queue, ask.Id, ask.Ask);
        }

        bench.AssertDropped(shape.Fault, 1);
        Assert.False(bench.NeedsReset);
        bench.AssertServes(bench.Queue);
        bench.AssertDropped(shape.Fault, 1);
    }

    private static void RunBroken(HostileBench bench)
    {
        bench.Kick();
        Assert.Empty(bench.Reap());
        bench.AssertBroken();
        bench.AssertDropped(ChainFault.None, 0);
        // The ring is not looked at any more, whatever the driver does.
        bench.OfferAsk(bench.Queue);
        bench.Kick();
        Assert.Empty(bench.Reap());
    }

    private static void RunTaken(HostileBench bench)
    {
        bench.Kick();
        bench.Reap();
        bench.AssertDropped(ChainFault.None, 0);
        Assert.False(bench.NeedsReset);
        if (bench.Pending.Count < 3) bench.AssertServes(bench.Queue);
    }

    private static void RunInvisible(HostileBench bench)
    {
        bench.Kick();
        bench.AssertNothingUsed();
        bench.AssertDropped(ChainFault.None, 0);
        Assert.False(bench.NeedsReset);
        bench.AssertServes(bench.Queue);
    }

    private static void RunAny(HostileBench bench, Shape shape)
    {
        bench.Kick();
        while (bench.Ring.TryTakeUsed(out ushort id, out uint length))
            Assert.True(bench.Pending.TryGetValue(id, out ulong most) && length <= most, $"Buffer {id} with {length} bytes was used.");
        shape.After?.Invoke(bench);
        bench.Remember();
        bench.Ring.Notify();
        bench.Victim.Stimulate(bench, bench.Queue);
        bench.AssertUntouched();
    }
}
