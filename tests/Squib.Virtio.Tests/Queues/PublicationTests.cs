using Squib.Virtio.Devices.Net;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>What one side may see of the ring while the other one works on it.</summary>
public sealed class PublicationTests
{
    private const int Chains = 4;

    public static TheoryData<RingFormat> Formats => RingFormats.All;

    public static TheoryData<bool, bool> Rings => new() { { false, false }, { false, true }, { true, false }, { true, true } };

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "PACKED-01")]
    public void Requests_are_begun_in_the_order_of_the_ring(RingFormat format)
    {
        List<byte> begun = [];
        HoldingDevice device = new(16) { Taken = chain => begun.Add(chain.Readable.First[0]) };
        using Bench bench = new(format, size: 16, device: device);
        byte next = 0;
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < 5; i++, next++)
            {
                ulong at = Bench.Buffer(0) + (64 * (ulong)i);
                bench.Memory.TryWrite(at, [next]);
                if (i % 2 == 0) bench.Offer(Raw.In(at, 1), Raw.Out(at + 8, 4), Raw.Out(at + 16, 4));
                else bench.Offer(Raw.In(at, 1), Raw.Out(at + 8, 4));
            }

            bench.Ring.Kick();
            // The order in which they end has nothing to do with it.
            while (device.HeldCount > 0) device.Complete(device.HeldCount - 1);
            for (int i = 0; i < 5; i++) Assert.True(bench.Ring.TryTakeUsed(out _, out _));
        }

        Assert.Equal(Enumerable.Range(0, 100).Select(i => (byte)i), begun);
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "SPLIT-15"), Trait("Row", "SPLIT-16"), Trait("Row", "PACKED-03"), Trait("Row", "PACKED-07"), Trait("Row", "PACKED-D11")]
    public async Task What_another_CPU_sees_as_used_is_complete_and_stays_as_it_is(RingFormat format)
    {
        int rounds = LongRun.Rounds(500, 100_000);
        using Bench bench = new(format, size: 32);
        int watched = 0;
        int seen = 0;
        ushort[] ids = new ushort[Chains];
        (ushort Id, uint Length)[] used = [];
        byte[] contents = [];
        byte[] before = [];
        using CancellationTokenSource end = new();
        Task watcher = Vcpu.Start(() =>
        {
            for (int round = 1; round <= rounds; round++)
            {
                Volatile.Write(ref watched, round);
                int looks = 0;
                (ushort Id, uint Length)[] now = new (ushort, uint)[Chains];
                while (!bench.Ring.TryTakeUsed(out now[0].Id, out now[0].Length))
                {
                    // What is to be caught lasts some nanoseconds: only who never rests sees it.
                    if (++looks % 10_000 != 0) continue;
                    if (end.IsCancellationRequested) return;
                    Thread.Yield();
                }

                // Acquire: nothing below is read before the device's mark was.
                Interlocked.MemoryBarrier();
                for (int i = 1; i < Chains; i++)
                    if (!bench.Ring.TryTakeUsed(out now[i].Id, out now[i].Length)) now[i] = (0xffff, 0xffff);
                contents = [.. Enumerable.Range(0, Chains).Select(i => LeastOf(bench, i))];
                before = Elements(bench);
                used = now;
                Volatile.Write(ref seen, round);
            }
        });
        try
        {
            for (int round = 1; round <= rounds; round++)
            {
                for (int i = 0; i < Chains; i++)
                {
                    bench.Memory.TryWrite(Bench.Buffer(i), new byte[64]);
                    ids[i] = bench.Offer(Raw.Out(Bench.Buffer(i), (uint)(60 + i)));
                }

                bench.Ring.Publish();
                SpinWait.SpinUntil(() => Volatile.Read(ref watched) == round);
                bench.Ring.Notify();
                Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref seen) == round, 20_000), "Nothing was used.");
                Assert.Equal(ids.Select((id, i) => (id, (uint)(60 + i))), used);
                Assert.All(contents, least => Assert.Equal(FillDevice.Filler, least));
                Assert.Equal(before, Elements(bench));
            }
        }
        finally
        {
            await end.CancelAsync();
            await watcher;
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Row", "SPLIT-15"), Trait("Row", "PACKED-07"), Trait("Row", "PACKED-D11")]
    public void Nothing_of_a_batch_is_seen_before_its_end_and_nothing_is_touched_after_it(RingFormat format)
    {
        RawRing? ring = null;
        int returned = 0;
        int seen = 0;
        LoopDevice device = new(
            (ref batch, chain) =>
            {
                FillDevice.Fill(chain);
                batch.Return(chain);
                returned++;
                if (ring!.TryTakeUsed(out _, out _)) seen++;
            },
            32);
        using Bench bench = new(format, size: 32, device: device);
        ring = bench.Ring;
        byte[] before = [];
        // Not so many that the ring begins anew.
        for (int round = 1; round <= 5; round++)
        {
            ushort[] ids = [.. Enumerable.Range(0, Chains).Select(i => bench.Offer(Raw.Out(Bench.Buffer(i), 60)))];
            bench.Ring.Kick();
            Assert.Equal((round * Chains, 0), (returned, seen));
            Assert.All(ids, id => bench.AssertUsed(id, 60));
            byte[] now = Elements(bench);
            Assert.Equal(before, now[..before.Length]);
            before = now[..(now.Length * round * Chains / bench.Ring.Size)];
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Row", "PACKED-D11")]
    public void A_frame_in_several_buffers_appears_all_at_once(bool packed)
    {
        LoopbackNetBackend loopback = new();
        WatchedNetBackend backend = new(loopback);
        NetDevice device = new(backend, new() { ControlQueue = false });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, new() { RingPacked = packed });
        DriverQueue receive = driver.Start()!;
        int early = 0;
        backend.Consuming = () => early += receive.Reap().Count;
        for (int frame = 0; frame < 20; frame++)
        {
            for (int i = 0; i < Chains; i++) receive.Add([], [400]);
            receive.Kick();
            byte[] sent = new byte[12 + 1400];
            sent.AsSpan(12, 6).Fill(0xff);
            driver.Queues[1].Submit([sent]);
            Assert.Single(driver.Queues[1].Reap());
            List<UsedBuffer> used = receive.Reap();
            Assert.Equal([400u, 400u, 400u, 212u], used.Select(buffer => buffer.Length));
            Assert.Equal(Chains, used[0].Written[10]);
        }

        Assert.Equal((20, 0), (backend.Consumed, early));
    }

    [Theory, MemberData(nameof(Rings))]
    [Trait("Row", "SPLIT-23"), Trait("Row", "SPLIT-24"), Trait("Row", "PACKED-10"), Trait("Row", "PACKED-11")]
    public void Buffers_that_are_published_while_the_device_works_need_no_kick(bool packed, bool eventIndex)
    {
        FillDevice device = new(16);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, new() { RingPacked = packed, EventIndex = eventIndex });
        DriverQueue queue = driver.Start()!;
        List<bool> wanted = [];
        device.Serve = chain =>
        {
            FillDevice.Fill(chain);
            if (wanted.Count % 3 == 2) return;
            queue.Add([[1]], [1]);
            wanted.Add(queue.Publish());
        };
        for (int round = 1; round <= 20; round++)
        {
            queue.Submit([[1]], [1]);
            Assert.Equal(3, queue.Reap().Count);
            Assert.Equal(round, queue.Kicks);
            wanted.Add(false);
        }

        Assert.DoesNotContain(true, wanted);
        Assert.Equal(60, device.Requests);
    }

    private static byte LeastOf(Bench bench, int chain)
    {
        byte[] bytes = new byte[60 + chain];
        bench.Memory.TryRead(Bench.Buffer(chain), bytes);
        return bytes.Min();
    }

    /// <summary>The used elements, without the fields by which the device says when it wants to be notified.</summary>
    private static byte[] Elements(Bench bench)
    {
        byte[] bytes = new byte[(bench.Format.IsPacked() ? 16 : 8) * bench.Ring.Size];
        bench.Memory.TryRead(bench.Format.IsPacked() ? bench.Ring.Descriptors : bench.Ring.DeviceArea + 4, bytes);
        return bytes;
    }

    /// <summary>A backend that tells when the device has done with a frame.</summary>
    private sealed class WatchedNetBackend(INetBackend inner) : INetBackend
    {
        public Action Consuming { get; set; } = () => { };

        public int Consumed { get; private set; }

        public int QueueCount => inner.QueueCount;

        public NetOffloads Offloads => inner.Offloads;

        public void Attach(INetPort port) => inner.Attach(port);

        public void Configure(NetOffloads offloads, int queues) => inner.Configure(offloads, queues);

        public bool TryPeek(int queue, out NetHeader header, out ReadOnlySpan<byte> frame) => inner.TryPeek(queue, out header, out frame);

        public void Consume(int queue)
        {
            Consumed++;
            Consuming();
            inner.Consume(queue);
        }

        public void EndReceive(int queue) => inner.EndReceive(queue);

        public bool CanSend(int queue) => inner.CanSend(queue);

        public void Send(int queue, in NetFrame frame) => inner.Send(queue, frame);

        public void EndSend(int queue) => inner.EndSend(queue);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
