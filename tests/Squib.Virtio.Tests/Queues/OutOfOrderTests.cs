using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>
/// Requests that outlive their batch and come back in another order, from other threads, twice or never.
/// </summary>
public sealed class OutOfOrderTests
{
    public static TheoryData<RingFormat> Formats => RingFormats.All;

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q36"), Trait("Row", "BASE-D07"), Trait("Row", "PACKED-02"), Trait("Row", "SPLIT-D03")]
    public void Requests_completed_in_reverse_keep_their_ids_and_lengths(RingFormat format)
    {
        HoldingDevice device = new(8);
        using Bench bench = new(format, device: device);
        ushort[] ids = [.. Enumerable.Range(0, 8).Select(i => bench.Offer(Raw.Out(Bench.Buffer(i), (uint)(i + 1))))];
        bench.Ring.Publish();
        bench.Remember();
        bench.Ring.Notify();
        Assert.Equal(8, device.HeldCount);
        for (int i = 7; i >= 0; i--)
        {
            device.Complete(i);
            bench.AssertUsed(ids[i], (uint)(i + 1));
            bench.AssertNothingUsed();
        }

        bench.AssertUntouched();
    }

    [Fact]
    [Trait("Case", "Q13")]
    public void A_head_that_the_device_still_has_breaks_the_ring()
    {
        HoldingDevice device = new(8);
        using Bench bench = new(RingFormat.Split, device: device);
        bench.Split.Write(0, Bench.Buffer(0), 64, Raw.Write, 0);
        bench.Split.Offer(0);
        bench.Split.Offer(0);
        AssertBreaks(bench, device, heldBefore: 1);
    }

    [Fact]
    [Trait("Case", "Q13")]
    public void A_head_that_the_device_still_has_from_an_earlier_kick_breaks_the_ring()
    {
        HoldingDevice device = new(8);
        using Bench bench = new(RingFormat.Split, device: device);
        bench.Split.Write(0, Bench.Buffer(0), 64, Raw.Write, 0);
        bench.Split.Offer(0);
        bench.Ring.Kick();
        bench.Split.Offer(0);
        AssertBreaks(bench, device, heldBefore: 1);
    }

    [Fact]
    [Trait("Case", "Q14")]
    public void Eight_entries_with_the_same_head_break_the_ring()
    {
        HoldingDevice device = new(8);
        using Bench bench = new(RingFormat.Split, device: device);
        bench.Split.Write(3, Bench.Buffer(0), 64, Raw.Write, 0);
        for (int i = 0; i < 8; i++) bench.Split.Offer(3);
        AssertBreaks(bench, device, heldBefore: 1);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "Q13")]
    public void A_malformed_chain_with_an_id_that_the_device_has_breaks_the_ring(RingFormat format)
    {
        HoldingDevice device = new(8);
        using Bench bench = new(format, device: device);
        ushort id = bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        if (bench.Ring is RawSplitRing split)
        {
            split.Write(id, 0xdead_0000, 64, Raw.Write, 0);
            split.Offer(id);
        }
        else
        {
            bench.Packed.Post(id, Raw.Out(0xdead_0000, 64));
        }

        AssertBreaks(bench, device, heldBefore: 1);
    }

    [Theory, MemberData(nameof(Formats))]
    public void Several_threads_complete_requests_at_once(RingFormat format)
    {
        HoldingDevice device = new(64);
        using Bench bench = new(format, size: 64, device: device);
        for (int round = 0; round < 50; round++)
        {
            Dictionary<ushort, uint> lengths = [];
            for (int i = 0; i < 64; i++)
                lengths.Add(bench.Offer(Raw.Out(Bench.R0 + 0x20_0000 + (ulong)(64 * i), (uint)(i + 1))), (uint)(i + 1));
            bench.Ring.Kick();
            List<(Virtqueue Queue, DescriptorChain Chain)> held = device.TakeHeld();
            Assert.Equal(64, held.Count);
            new Random(round).Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(held));
            Parallel.ForEach(held, new() { MaxDegreeOfParallelism = 4 }, entry =>
            {
                FillDevice.Fill(entry.Chain);
                entry.Queue.Return(entry.Chain);
            });
            for (int i = 0; i < 64; i++)
            {
                ushort id = 0;
                uint length = 0;
                // A loop that is woken on its way to sleep goes on on a thread of the pool: the last of them may still be on their way.
                Assert.True(SpinWait.SpinUntil(() => bench.Ring.TryTakeUsed(out id, out length), 20_000));
                Assert.True(lengths.Remove(id, out uint expected));
                Assert.Equal(expected, length);
            }
        }

        Assert.Equal(50 * 64, bench.Queue.ChainsTaken);
    }

    [Fact]
    public void A_chain_returned_twice_is_an_error_of_the_device()
    {
        HoldingDevice device = new(8);
        using Bench bench = new(RingFormat.Split, device: device);
        bench.Offer(Raw.Out(Bench.Buffer(0), 4));
        bench.Offer(Raw.Out(Bench.Buffer(1), 4));
        bench.Ring.Kick();
        List<(Virtqueue Queue, DescriptorChain Chain)> held = device.TakeHeld();
        held[0].Queue.Return(held[0].Chain);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => held[0].Queue.Return(held[0].Chain));
        Assert.Contains("already", error.Message, StringComparison.Ordinal);
        held[1].Queue.Return(held[1].Chain);
        bench.AssertUsed(0, 0);
        bench.AssertUsed(1, 0);
        bench.AssertNothingUsed();
    }

    [Theory, MemberData(nameof(Formats))]
    public void A_chain_returned_twice_to_its_batch_ends_the_device_and_a_reset_recovers(RingFormat format)
    {
        bool once = false;
        LoopDevice device = new(
            (ref batch, chain) =>
            {
                FillDevice.Fill(chain);
                batch.Return(chain);
                if (!once) batch.Return(chain);
            },
            8);
        using Bench bench = new(format, device: device);
        bench.Offer(Raw.Out(Bench.Buffer(0), 4));
        bench.Ring.Kick();
        Assert.True(bench.NeedsReset);
        bench.Driver.WriteRegister(MmioRegister.Status, 0);
        Assert.Equal(0u, (uint)bench.Driver.Status);
        once = true;
        bench.Start();
        bench.AssertOneSlot(1);
    }

    [Theory, MemberData(nameof(Formats))]
    public void A_device_that_returns_a_chain_twice_to_its_batch_hears_of_it_and_may_go_on(RingFormat format)
    {
        List<string> errors = [];
        LoopDevice device = new(
            (ref batch, chain) =>
            {
                FillDevice.Fill(chain);
                batch.Return(chain);
                try
                {
                    batch.Return(chain);
                }
                catch (InvalidOperationException e)
                {
                    errors.Add(e.Message);
                }
            },
            8);
        using Bench bench = new(format, device: device);
        for (int i = 0; i < 10; i++)
        {
            bench.AssertOneSlot(i);
            bench.AssertNothingUsed();
        }

        Assert.Equal(10, errors.Count);
        Assert.All(errors, error => Assert.Contains("already", error, StringComparison.Ordinal));
        Assert.False(bench.NeedsReset);
    }

    [Theory]
    [InlineData(false, false, false), InlineData(false, false, true), InlineData(false, true, false), InlineData(false, true, true)]
    [InlineData(true, false, false), InlineData(true, false, true), InlineData(true, true, false), InlineData(true, true, true)]
    public void A_chain_may_be_returned_to_a_batch_that_has_another_one_or_none_yet(bool packed, bool indirect, bool inOrder)
    {
        DescriptorChain? kept = null;
        LoopDevice device = new(
            (ref batch) =>
            {
                // Before this batch has taken anything.
                DescriptorChain? old = kept;
                kept = null;
                if (old is not null) batch.Return(old);
                while (batch.TryTake(out DescriptorChain? chain))
                {
                    FillDevice.Fill(chain);
                    if (kept is not null) batch.Return(kept);
                    kept = chain;
                }
            },
            8);
        (GuestDriver driver, VirtioMmioTransport transport, _) =
            GuestDriver.Attach(device, new() { RingPacked = packed, InOrder = inOrder });
        DriverQueue queue = driver.Start()!;
        List<ushort> sent = [];
        for (int round = 0; round < 50; round++)
        {
            for (int i = 0; i < 1 + (round % 3); i++) sent.Add(queue.Add([[(byte)round]], [3], indirect));
            queue.Kick();
            foreach (UsedBuffer used in queue.Reap())
            {
                if (inOrder) Assert.Equal(sent[0], used.Id);
                Assert.True(sent.Remove(used.Id));
                Assert.Equal(3u, used.Length);
            }

            Assert.Equal(sent.Count, queue.InFlight);
            Assert.Equal(kept is null ? 0 : 1, sent.Count);
        }

        // A reset finds nothing with the device but the chain that it says it has.
        DescriptorChain? last = kept;
        kept = null;
        if (last is not null) transport.Session!.Queues[0].Return(last);
        driver.Reset();
        Assert.Equal(0u, (uint)driver.Status);
    }

    [Theory, MemberData(nameof(Formats))]
    public void Some_chains_of_a_batch_may_stay_and_others_return_at_once(RingFormat format)
    {
        List<DescriptorChain> kept = [];
        Virtqueue? queue = null;
        LoopDevice device = new(
            (ref batch, chain) =>
            {
                FillDevice.Fill(chain);
                if (chain.Writable.UsedLength % 3 == 0) kept.Add(chain);
                else batch.Return(chain);
            },
            16);
        using Bench bench = new(format, size: 16, device: device);
        for (int round = 0; round < 40; round++)
        {
            queue = bench.Queue;
            ushort[] ids = [.. Enumerable.Range(1, 16).Select(i => bench.Offer(Raw.Out(Bench.Buffer(0) + (ulong)(64 * i), (uint)i)))];
            bench.Ring.Kick();
            foreach (int i in Enumerable.Range(1, 16).Where(i => i % 3 != 0)) bench.AssertUsed(ids[i - 1], (uint)i);
            bench.AssertNothingUsed();
            Assert.Equal(5, kept.Count);
            kept.Reverse();
            foreach (DescriptorChain chain in kept) queue.Return(chain);
            kept.Clear();
            foreach (int i in new[] { 15, 12, 9, 6, 3 }) bench.AssertUsed(ids[i - 1], (uint)i);
            bench.AssertNothingUsed();
        }
    }

    private static void AssertBreaks(Bench bench, HoldingDevice device, int heldBefore)
    {
        int pulses = bench.Gic.Pulses(new Slot(0).Interrupt);
        bench.Ring.Publish();
        bench.Remember();
        bench.Ring.Notify();
        Assert.Equal(heldBefore, device.HeldCount);
        bench.AssertUntouched();
        bench.AssertBroken(pulses);
        // What comes back now is nobody's any more.
        device.CompleteAll();
        bench.AssertNothingUsed();
        bench.Driver.WriteRegister(MmioRegister.Status, 0);
        Assert.Equal(0u, (uint)bench.Driver.Status);
        bench.Start();
        ushort id = bench.Offer(Raw.Out(Bench.Buffer(0), 64));
        bench.Ring.Kick();
        device.CompleteAll();
        bench.AssertUsed(id, 64);
    }
}
