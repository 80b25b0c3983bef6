using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>
/// VIRTIO_F_IN_ORDER: buffers come back in the order in which they were made available, in runs where that is allowed.
/// </summary>
public sealed class InOrderTests
{
    private static readonly TransportOptions Options = new() { InOrder = true };

    public static TheoryData<RingFormat> Formats => RingFormats.All;

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "INORD-01")]
    public void A_request_that_is_ready_early_waits_for_those_before_it(RingFormat format)
    {
        HoldingDevice device = new(8);
        using Bench bench = new(format, device: device, options: Options);
        for (int i = 0; i < 4; i++) bench.Offer(Raw.Out(Bench.Buffer(i), (uint)(10 + i)));
        bench.Ring.Kick();
        Assert.Equal(4, device.HeldCount);
        device.Complete(3);
        device.Complete(1);
        bench.AssertNothingUsed();
        device.Complete(0);
        // One element for 0 and 1, which were filled completely: the id and length of the last, in the place of the
        // first.
        AssertRun(bench, at: 0, chains: 2, id: 1, length: 11);
        device.Complete(0);
        AssertRun(bench, at: 2, chains: 2, id: 3, length: 13);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "INORD-D01"), Trait("Row", "INORD-D02"), Trait("Row", "INORD-D04")]
    public void A_batch_that_is_filled_completely_is_one_used_element(RingFormat format)
    {
        using Bench bench = new(format, options: Options);
        for (int i = 0; i < 4; i++) bench.Offer(Raw.In(Bench.Buffer(9), 4), Raw.Out(Bench.Buffer(i), (uint)(10 + i)));
        bench.Ring.Kick();
        AssertRun(bench, at: 0, chains: 4, id: format == RingFormat.Split ? 6 : 3, length: 13, slots: format.IsIndirect() ? 1 : 2);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "INORD-D03")]
    public void A_chain_that_is_not_filled_completely_ends_its_run(RingFormat format)
    {
        using Bench bench = new(format, options: Options);
        bench.Fill.Serve = chain =>
        {
            if (chain.Writable.Length == 11) chain.Writable.TryWrite([1, 2, 3]);
            else FillDevice.Fill(chain);
        };
        for (int i = 0; i < 4; i++) bench.Offer(Raw.Out(Bench.Buffer(i), (uint)(10 + i)));
        bench.Ring.Kick();
        AssertRun(bench, at: 0, chains: 2, id: 1, length: 3, more: true);
        AssertRun(bench, at: 2, chains: 2, id: 3, length: 13);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "INORD-D03")]
    public void A_malformed_chain_ends_its_run(RingFormat format)
    {
        using Bench bench = new(format, options: Options);
        bench.Offer(Raw.Out(Bench.Buffer(0), 10));
        bench.Offer(Raw.Out(0xdead_0000, 11));
        bench.Offer(Raw.Out(Bench.Buffer(2), 12));
        bench.Ring.Kick();
        AssertRun(bench, at: 0, chains: 2, id: 1, length: 0, more: true);
        AssertRun(bench, at: 2, chains: 1, id: 2, length: 12);
        bench.AssertFaults(ChainFault.OutsideMemory, 1);
    }

    [Theory, InlineData(false, false), InlineData(false, true), InlineData(true, false), InlineData(true, true)]
    [Trait("Row", "INORD-01")]
    public void A_driver_gets_all_its_buffers_back_in_order(bool packed, bool indirect)
    {
        HoldingDevice device = new(32);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, Options with { RingPacked = packed });
        DriverQueue queue = driver.Start()!;
        Random random = new(11);
        Queue<(ushort Id, byte[] Expected)> sent = new();
        int reaped = 0;
        for (int round = 0; round < 4000; round++)
        {
            while (queue.InFlight < 10 && random.Next(3) > 0)
            {
                byte[] bytes = new byte[random.Next(1, 40)];
                random.NextBytes(bytes);
                sent.Enqueue((queue.Add([bytes], [bytes.Length], indirect), bytes));
            }

            queue.Kick();
            while (device.HeldCount > 0 && random.Next(3) > 0) device.Complete(random.Next(device.HeldCount));
            foreach (UsedBuffer used in queue.Reap())
            {
                (ushort id, byte[] expected) = sent.Dequeue();
                Assert.Equal(id, used.Id);
                Assert.Equal(expected, used.Written);
                reaped++;
            }
        }

        Assert.True(reaped > 4000);
    }

    [Fact]
    [Trait("Case", "P07"), Trait("Case", "Z13")]
    public void A_driver_that_laps_a_packed_ring_while_a_run_is_collected_breaks_it()
    {
        RawPackedRing? ring = null;
        LoopDevice device = new(
            (ref batch, chain) =>
            {
                FillDevice.Fill(chain);
                batch.Return(chain);
                // The driver, on another CPU, does not wait for what it has to wait for.
                ring!.Post(Raw.Out(Bench.Buffer(0), 4));
                ring.Publish();
            },
            3);
        using Bench bench = new(RingFormat.Packed, size: 3, device: device, options: Options);
        ring = bench.Packed;
        ring.Post(Raw.Out(Bench.Buffer(0), 4));
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.Ring.Kick();
        bench.AssertBroken(pulses);
        bench.Driver.WriteRegister(MmioRegister.Status, 0);
        Assert.Equal(0u, (uint)bench.Driver.Status);
    }

    private static void AssertRun(Bench bench, int at, int chains, int id, uint length, bool more = false, int slots = 1)
    {
        if (bench.Ring is RawSplitRing split)
        {
            ulong element = split.DeviceArea + 4 + (8 * (ulong)(at % split.Size));
            Assert.Equal(id, split.Load16(element));
            Assert.Equal(length, split.Load16(element + 4));
            if (!more) Assert.Equal(at + chains, split.UsedIndex);
            return;
        }

        (uint usedLength, ushort usedId, ushort flags) = bench.Packed.Read(at * slots);
        Assert.Equal(Raw.Avail | Raw.Used, flags & (Raw.Avail | Raw.Used));
        Assert.Equal((id, length), (usedId, (flags & Raw.Write) != 0 ? usedLength : 0));
        // The slots of the other chains of the run are left as they are.
        for (int i = 1; i < chains * slots; i++)
            Assert.Equal(Raw.Avail, bench.Packed.FlagsOf((at * slots) + i) & (Raw.Avail | Raw.Used));
    }
}
