using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

public sealed class VirtqueueTests
{
    public static TheoryData<bool, bool, bool, bool> Formats => new()
    {
        { false, false, false, false },
        { false, true, false, false },
        { false, true, true, false },
        { false, true, false, true },
        { true, false, false, false },
        { true, true, false, false },
        { true, true, true, false },
        { true, true, false, true },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_buffer_is_echoed_across_the_index_wrap(bool packed, bool eventIndex, bool inOrder, bool indirect)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(
            new EchoDevice(8), new() { RingPacked = packed, EventIndex = eventIndex, InOrder = inOrder });
        DriverQueue queue = driver.Start()!;
        for (int i = 0; i < 70_000; i++)
        {
            byte[] sent = [(byte)i, (byte)(i >> 8), (byte)(i >> 16)];
            queue.Submit([sent], [2, 4], indirect);
            UsedBuffer used = Assert.Single(queue.Reap());
            Assert.Equal(3u, used.Length);
            Assert.Equal(sent, used.Written);
        }
    }

    [Theory]
    [InlineData(RingFormat.Split, 512, false), InlineData(RingFormat.Split, 512, true)]
    [InlineData(RingFormat.Packed, 500, false), InlineData(RingFormat.Packed, 500, true)]
    public void Full_rings_are_served_from_one_kick_each_across_the_index_wrap(RingFormat format, int size, bool inOrder)
    {
        // Two batches a ring: what the first one leaves is found without another kick.
        using Bench bench = new(format, size, options: new() { InOrder = inOrder });
        for (int lap = 0; lap < 135; lap++)
        {
            ushort last = 0;
            for (int i = 0; i < size; i++) last = bench.Ring.Post(Raw.In(Bench.Buffer(0), 4));
            bench.Ring.Kick();
            Assert.Equal((lap + 1L) * size, bench.Fill.Requests);
            if (inOrder) continue;
            for (int i = 1; i < size; i++) Assert.True(bench.Ring.TryTakeUsed(out _, out _));
            bench.AssertUsed(last, 0);
            bench.AssertNothingUsed();
        }

        if (!inOrder) bench.AssertHealthy();
    }

    [Theory, InlineData(RingFormat.Split), InlineData(RingFormat.Packed)]
    public void A_kick_while_the_device_serves_makes_it_look_once_more_and_no_harm(RingFormat format)
    {
        using Bench bench = new(format);
        bench.Fill.Serve = chain =>
        {
            bench.Ring.Notify();
            bench.Ring.Notify();
            FillDevice.Fill(chain);
        };
        for (int i = 0; i < 10; i++) bench.AssertOneSlot(i);
        bench.AssertNothingUsed();
        Assert.Equal(10, bench.Queue.ChainsTaken);
        bench.AssertHealthy();
    }

    [Theory]
    [InlineData(RingFormat.Split, 1, 1), InlineData(RingFormat.Split, 7, 7), InlineData(RingFormat.Split, 256, 256)]
    [InlineData(RingFormat.Split, 1000, 256), InlineData(RingFormat.Packed, 1, 1), InlineData(RingFormat.Packed, 7, 7)]
    [InlineData(RingFormat.Packed, 256, 256), InlineData(RingFormat.Packed, 1000, 256)]
    public void A_batch_takes_as_many_chains_as_its_owner_wants_and_no_more_than_256(RingFormat format, int wanted, int most)
    {
        List<int> batches = [];
        LoopDevice device = new(
            (ref batch) =>
            {
                int taken = 0;
                for (; batch.TryTake(out DescriptorChain? chain); taken++) batch.Return(chain);
                if (taken > 0) batches.Add(taken);
            },
            512)
        {
            BatchSize = wanted,
        };
        using Bench bench = new(format, size: 512, device: device);
        for (int i = 0; i < 512; i++) bench.Ring.Post(Raw.In(Bench.Buffer(0), 4));
        bench.Ring.Kick();
        Assert.Equal(512, batches.Sum());
        Assert.All(batches[..^1], taken => Assert.Equal(most, taken));
        for (int i = 0; i < 512; i++) bench.AssertUsed((ushort)i, 0);
        bench.AssertNothingUsed();
    }

    [Fact]
    public void There_is_no_chain_to_return_but_one_that_was_taken()
    {
        using Bench bench = new(RingFormat.Split);
        Assert.Throws<ArgumentNullException>(() => bench.Queue.Return(null!));
        bench.AssertHealthy();
    }

    [Theory, InlineData(RingFormat.Split), InlineData(RingFormat.Packed)]
    public void A_pooled_device_is_woken_by_one_kick_after_the_other(RingFormat format)
    {
        using Bench bench = new(format, options: new() { Scheduling = DeviceScheduling.Pooled });
        for (int i = 0; i < 50; i++)
        {
            bench.Ring.Post(Raw.Out(Bench.Buffer(0), 4));
            bench.Ring.Kick();
            Assert.True(SpinWait.SpinUntil(() => bench.Ring.TryTakeUsed(out _, out _), 20_000), $"Request {i} is not served.");
        }

        Assert.False(bench.NeedsReset);
    }

    [Theory, InlineData(0, 256), InlineData(6, 38)]
    [Trait("Case", "S06")]
    public void A_vCPU_whose_driver_always_has_more_is_let_go_after_256_chains_good_or_bad(int bad, int served)
    {
        using Bench bench = new(RingFormat.Split);
        int vcpu = Environment.CurrentManagedThreadId;
        int onVcpu = 0;
        int all = 0;
        bench.Fill.Serve = _ =>
        {
            if (Environment.CurrentManagedThreadId == vcpu) onVcpu++;
            if (Interlocked.Increment(ref all) >= 1000) return;
            for (int i = 0; i < bad; i++) bench.Ring.Post(Raw.In(0xdead_0000, 4));
            bench.Ring.Post(Raw.In(Bench.Buffer(0), 4));
            bench.Ring.Publish();
        };
        bench.Ring.Post(Raw.In(Bench.Buffer(0), 4));
        bench.Ring.Kick();
        Assert.Equal(served, onVcpu);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref all) == 1000, 20_000));
        Assert.Equal(served, onVcpu);
        Assert.False(bench.NeedsReset);
    }

    [Fact]
    [Trait("Case", "S06")]
    public void A_vCPU_whose_turn_is_over_is_let_go_however_soon_the_thread_pool_is_ready()
    {
        Bench? started = null;
        TestDevice device = ByHand(
            queue =>
            {
                ServeAll(queue, chain =>
                {
                    if (chain.Id != 255) return;
                    for (int i = 0; i < 10; i++) started!.Ring.Post(Raw.In(Bench.Buffer(0), 4));
                    started!.Ring.Publish();
                });
                ValueTask<bool> next = queue.WaitAsync();
                if (queue.ChainsTaken != 256) return next;
                // What is queued now runs after what a wait may have queued.
                using ManualResetEventSlim ran = new();
                for (int i = 0; i < 2 * Environment.ProcessorCount; i++)
                {
                    ran.Reset();
                    ThreadPool.UnsafeQueueUserWorkItem(static ran => ran.Set(), ran, preferLocal: false);
                    ran.Wait(TestContext.Current.CancellationToken);
                }

                Assert.False(next.IsCompleted);
                return next;
            },
            256);
        using Bench bench = started = new(RingFormat.Split, size: 256, device: device);
        for (int i = 0; i < 256; i++) bench.Ring.Post(Raw.In(Bench.Buffer(0), 4));
        bench.Ring.Kick();
        Assert.True(SpinWait.SpinUntil(() => bench.Queue.ChainsTaken == 266, 20_000));
        Assert.False(bench.NeedsReset);
    }

    [Fact]
    [Trait("Case", "S06")]
    public void A_vCPU_is_let_go_while_another_keeps_kicking()
    {
        const int Most = 200_000_000;
        Thread? other = null;
        int kicks = 0;
        bool letGo = false;
        using Bench bench = new(RingFormat.Split);
        bench.Fill.Serve = _ =>
        {
            if (other is not null) return;
            other = new(() =>
            {
                while (!Volatile.Read(ref letGo) && kicks < Most)
                {
                    bench.Ring.Notify();
                    Volatile.Write(ref kicks, kicks + 1);
                }
            });
            other.Start();
            SpinWait.SpinUntil(() => Volatile.Read(ref kicks) > 0);
        };
        bench.Ring.Post(Raw.In(Bench.Buffer(0), 4));
        bench.Ring.Kick();
        Volatile.Write(ref letGo, true);
        other!.Join();
        Assert.InRange(kicks, 1, Most - 1);
        Assert.False(bench.NeedsReset);
    }

    [Theory, InlineData(RingFormat.Split), InlineData(RingFormat.Packed)]
    public void A_device_that_leaves_chains_where_they_are_is_told_again(RingFormat format)
    {
        int looks = 0;
        TestDevice device = ByHand(
            queue =>
            {
                if (++looks != 2) ServeAll(queue);
                return queue.WaitAsync();
            },
            8);
        using Bench bench = new(format, device: device);
        foreach (int expected in new[] { 1, 3 })
        {
            ushort id = bench.Ring.Post(Raw.In(Bench.Buffer(0), 4));
            bench.Ring.Kick();
            Assert.Equal(expected, looks);
            bench.AssertUsed(id, 0);
        }
    }

    [Theory, InlineData(RingFormat.Split), InlineData(RingFormat.Packed)]
    public void A_chain_that_came_back_is_published_together_with_the_next_ones(RingFormat format)
    {
        DescriptorChain? kept = null;
        LoopDevice device = new(
            (ref batch, chain) =>
            {
                if (kept is null) kept = chain;
                else batch.Return(chain);
            },
            8,
            8);
        using Bench bench = new(format, device: device);
        ushort first = bench.Ring.Post(Raw.Out(Bench.Buffer(0), 4));
        bench.Ring.Kick();
        bench.AssertNothingUsed();
        ushort second = bench.Ring.Post(Raw.Out(Bench.Buffer(1), 4));
        bench.Ring.Publish();
        bench.Queue.Return(kept!);
        bench.AssertUsed(first, 0);
        bench.AssertUsed(second, 0);
        bench.AssertNothingUsed();
    }

    /// <summary>A device that does by hand what comes after each wait, up to the next.</summary>
    private static TestDevice ByHand(Func<Virtqueue, ValueTask<bool>> next, params ushort[] queueSizes) => new(
        async session =>
        {
            Virtqueue queue = session.Queues[0];
            for (ValueTask<bool> wait = queue.WaitAsync(); await wait.ConfigureAwait(false);) wait = next(queue);
        },
        queueSizes);

    private static void ServeAll(Virtqueue queue, Action<DescriptorChain>? serve = null)
    {
        using QueueBatch batch = queue.BeginBatch();
        while (batch.TryTake(out DescriptorChain? chain))
        {
            serve?.Invoke(chain);
            batch.Return(chain);
        }
    }
}
