using Squib.Virtio.Tests.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Requests whose bytes change between two looks of the device, on every queue of every device.</summary>
public sealed class DoubleFetchTests
{
    private const int MostLooks = 48;

    public static TheoryData<RingFormat> Formats => RingFormats.All;

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Z06")]
    public void A_request_that_changes_while_it_is_served_is_served_as_it_was_read_or_refused(RingFormat format)
    {
        foreach ((string victim, int queue) in Victims.Queues)
        {
            int effects = 0;
            for (int look = 1; look <= MostLooks; look++)
            {
                using HostileBench bench = new(Victims.All[victim].Make(), queue, format);
                effects += Run(bench, look) ? 1 : 0;
                Assert.True(!bench.NeedsReset, $"{victim}, queue {queue}, look {look}: the device needs a reset.");
                bench.AssertRecovers();
            }

            Assert.InRange(effects, 2, MostLooks);
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Z07")]
    public void A_packet_whose_length_changes_brings_no_more_than_its_chain_holds(RingFormat format)
    {
        int effects = 0;
        for (int look = 1; look <= MostLooks; look++)
        {
            VsockTalk victim = new();
            using HostileBench bench = new(victim, VsockTalk.Transmit, format);
            effects += Run(bench, look) ? 1 : 0;
            // All of the packet, or none of it and a connection that was reset.
            int received = victim.CountReceived();
            bool refused = victim.Device.Counters is { Violations: > 0 } or { Foreign: > 0 } or { Refused: > 0 } or { Ignored: > 0 };
            Assert.True(received == 64 || (received == 0 && refused), $"Look {look}: {received} bytes came; refused: {refused}.");
            bench.Reset();
        }

        Assert.InRange(effects, 2, MostLooks);
    }

    /// <summary>Overwrites the bytes of a well-formed request when the device looks at memory for the n-th time.</summary>
    /// <returns>Whether there was such a look.</returns>
    private static bool Run(HostileBench bench, int look)
    {
        (ushort id, _) = bench.OfferAsk(bench.Queue, viaTable: bench.Format.IsIndirect());
        bool changed = false;
        long until = bench.Ram.LookUps + long.MaxValue / 2;
        bench.Ram.LookedUp = () =>
        {
            if (bench.Ram.LookUps < until || changed) return;
            changed = true;
            bench.Spoil(look);
        };
        bench.Kick(() => until = bench.Ram.LookUps + look);
        bench.Ram.LookedUp = null;
        while (bench.Ring.TryTakeUsed(out ushort used, out _)) Assert.Equal(id, used);
        return changed;
    }
}
