using Squib.Virtio.Devices.Block;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Devices.Block;

/// <summary>Backends that are not done when they return.</summary>
public sealed class AsyncBlockTests : IAsyncDisposable
{
    private readonly SpyBlockBackend backend = new(1 << 20) { Holds = true };

    public ValueTask DisposeAsync() => backend.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Requests_are_answered_in_the_order_in_which_they_complete(bool packed)
    {
        Pattern(1 << 20).CopyTo(backend.Bytes, 0);
        BlockGuest guest = new(backend, transport: new() { RingPacked = packed });
        ushort[] ids = [.. Enumerable.Range(0, 3).Select(i => guest.Submit(In, (ulong)i, writable: [512]))];
        Assert.Empty(guest.ReapAll());
        Assert.Equal(3, backend.Held.Count);
        foreach (int i in new[] { 2, 0, 1 })
        {
            backend.Held.Single(o => o.Offset == i * 512).Complete();
            BlockAnswer answer = guest.Reap();
            Assert.Equal((ids[i], Ok, 513u), (answer.Id, answer.Status, answer.Length));
            Assert.Equal(Pattern(1 << 20)[(i * 512)..((i + 1) * 512)], answer.Data);
        }
    }

    [Fact]
    public void With_IN_ORDER_requests_are_answered_in_the_order_in_which_they_were_made()
    {
        BlockGuest guest = new(backend, transport: new() { InOrder = true });
        ushort first = guest.Submit(In, 0, writable: [512]);
        ushort second = guest.Submit(In, 1, writable: [512]);
        backend.Held[1].Complete();
        Assert.Empty(guest.ReapAll());
        backend.Held[0].Complete();
        Assert.Equal([first, second], guest.ReapAll().Select(a => a.Id));
    }

    [Fact]
    [Trait("Row", "BLK-19")]
    public void A_write_without_cache_waits_for_its_flush()
    {
        BlockGuest guest = new(backend, new() { Cache = BlockCacheMode.WriteThrough });
        guest.Submit(Out, 0, [new byte[512]]);
        backend.Held.Single().Complete();
        Assert.Empty(guest.ReapAll());
        Assert.Equal("flush", backend.Held.Single().What);
        backend.Held.Single().Complete();
        Assert.Equal(Ok, guest.Reap().Status);
    }

    [Fact]
    public void A_failure_that_comes_late_is_IOERR()
    {
        BlockGuest guest = new(backend);
        guest.Submit(In, 0, writable: [512]);
        backend.Held.Single().Fail(new IOException("The cable is out."));
        Assert.Equal(IoError, guest.Reap().Status);
        Assert.Equal(1, guest.Device.Counters.Failed);
        backend.Holds = false;
        guest.AssertHealthy();
    }

    [Fact]
    public void Several_ranges_are_discarded_one_after_the_other()
    {
        BlockGuest guest = new(backend);
        guest.Submit(Discard, 0, [Range(0, 1), Range(8, 2)]);
        backend.Held.Single().Complete();
        Assert.Empty(guest.ReapAll());
        backend.Held.Single().Complete();
        Assert.Equal(Ok, guest.Reap().Status);
        Assert.Equal(["discard 0+512", "discard 4096+1024"], backend.Calls);
    }

    [Fact]
    [Trait("Case", "B19")]
    public void B19_After_a_reset_no_byte_of_guest_memory_changes()
    {
        Array.Fill(backend.Bytes, (byte)0xa5);
        BlockGuest guest = new(backend, transport: new() { ResetTimeout = TimeSpan.Zero });
        for (int i = 0; i < 64; i++) guest.Submit(In, (ulong)i, writable: [512]);
        Assert.Equal(64, backend.Held.Count);
        // The backend does not let go, so the reset is pending and the driver can see that.
        guest.Driver.WriteRegister(MmioRegister.Status, 0);
        Assert.NotEqual(DeviceStatus.None, guest.Driver.Status);
        while (backend.Held.Count > 1) backend.Held[0].Complete();
        Assert.NotEqual(DeviceStatus.None, guest.Driver.Status);
        backend.Held[0].Complete();
        Assert.True(SpinWait.SpinUntil(() => guest.Driver.Status == DeviceStatus.None, TimeSpan.FromSeconds(10)));
        byte[] before = guest.Driver.Memory.Regions[0].Memory.ToArray();
        guest.Driver.Reset();
        Assert.True(before.AsSpan().SequenceEqual(guest.Driver.Memory.Regions[0].Memory.Span));
        backend.Holds = false;
        guest.Driver.Start();
        guest.AssertHealthy();
    }

    [Theory]
    [InlineData(DeviceScheduling.Inline)]
    [InlineData(DeviceScheduling.Pooled)]
    public void Resets_among_requests_that_other_threads_complete(DeviceScheduling scheduling)
    {
        PoolBackend pool = new();
        BlockGuest guest = new(pool, new() { QueueCount = 2 }, new() { Scheduling = scheduling });
        for (int round = 0; round < 300; round++)
        {
            for (int i = 0; i < 16; i++)
            {
                if (i % 3 == 0) guest.Submit(Out, (ulong)i, [new byte[512]], queue: i % 2);
                else guest.Submit(In, (ulong)i, writable: [512], queue: i % 2);
            }

            if (round % 3 != 0) WaitForAnswers(guest, 16);
            guest.Driver.Reset();
            Assert.Equal(DeviceStatus.None, guest.Driver.Status);
            Assert.Equal(0, pool.Running);
            guest.Driver.Start();
        }

        guest.Submit(In, 0, writable: [512]);
        WaitForAnswers(guest, 1);
    }

    private static void WaitForAnswers(BlockGuest guest, int count)
    {
        int answers = 0;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                for (int queue = 0; queue < 2; queue++)
                {
                    foreach (BlockAnswer answer in guest.ReapAll(queue))
                    {
                        Assert.Equal(Ok, answer.Status);
                        answers++;
                    }
                }

                return answers == count;
            },
            TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void A_reset_cancels_what_can_be_cancelled()
    {
        CancellingBackend slow = new();
        BlockGuest guest = new(slow);
        guest.Submit(In, 0, writable: [512]);
        guest.Driver.Reset();
        Assert.Equal(DeviceStatus.None, guest.Driver.Status);
        Assert.Equal(1, slow.Cancelled);
    }

    [Fact]
    public void Pending_requests_allocate_nothing()
    {
        const int depth = 16;
        backend.Records = false;
        BlockGuest guest = new(backend);
        long least = long.MaxValue;
        for (int round = 0; round < 10; round++) least = Math.Min(least, Round());
        Assert.Equal(0, least);
        long Round()
        {
            for (int i = 0; i < depth; i++) guest.Queue.Add([Header(In, (ulong)i)], [512, 1]);
            long before = GC.GetAllocatedBytesForCurrentThread();
            guest.Queue.Kick();
            while (backend.Held.Count > 0) backend.Held[^1].Complete();
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.Equal(depth, guest.ReapAll().Count);
            return allocated;
        }
    }

    /// <summary>A disk whose reads never end unless they are cancelled.</summary>
    private sealed class CancellingBackend : IBlockBackend
    {
        internal int Cancelled { get; private set; }

        public long Length => 4096;

        public bool ReadOnly => true;

        public bool CanUnmap => false;

        public async ValueTask<BlockStatus> ReadAsync(
            WritableSegments destination, long offset, CancellationToken reset)
        {
            TaskCompletionSource never = new();
            using CancellationTokenRegistration registration = reset.Register(() =>
            {
                Cancelled++;
                never.SetCanceled(reset);
            });
            await never.Task.ConfigureAwait(false);
            return BlockStatus.Ok;
        }

        public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset) =>
            new(BlockStatus.Ok);

        public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => new(BlockStatus.Ok);

        public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset) =>
            new(BlockStatus.Ok);

        public ValueTask<BlockStatus> WriteZeroesAsync(
            long offset, long length, bool mayUnmap, CancellationToken reset) =>
            new(BlockStatus.Ok);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>A disk that does everything on the thread pool.</summary>
    private sealed class PoolBackend : IBlockBackend
    {
        private readonly byte[] bytes = new byte[65_536];
        private int running;

        internal int Running => Volatile.Read(ref running);

        public long Length => bytes.Length;

        public bool ReadOnly => false;

        public bool CanUnmap => false;

        public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset) =>
            LaterAsync(() => destination.TryWrite(bytes.AsSpan((int)offset, (int)destination.Length)));

        public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset) =>
            LaterAsync(() => source.TryRead(bytes.AsSpan((int)offset, (int)source.Length)));

        public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => LaterAsync(() => true);

        public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset) =>
            LaterAsync(() => true);

        public ValueTask<BlockStatus> WriteZeroesAsync(
            long offset, long length, bool mayUnmap, CancellationToken reset) =>
            LaterAsync(() => true);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private async ValueTask<BlockStatus> LaterAsync(Func<bool> work)
        {
            Interlocked.Increment(ref running);
            await Task.Yield();
            bool done = work();
            Interlocked.Decrement(ref running);
            return done ? BlockStatus.Ok : BlockStatus.IoError;
        }
    }
}
