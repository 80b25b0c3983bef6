using System.Diagnostics;
using System.Globalization;
using System.Threading.Tasks.Sources;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices.Block;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Disks that fail in every way that a host's can: the driver hears of it, and the device lives on.</summary>
public sealed class BlockFaultTests
{
    private const int DiskBytes = 1 << 20;

    private readonly FaultPlan plan = new();
    private readonly FaultyBlockBackend backend;

    public BlockFaultTests()
    {
        backend = new(DiskBytes, plan);
        Pattern(DiskBytes).CopyTo(backend.Bytes);
    }

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Case", "H01")]
    public void H01_A_full_disk_is_IOERR_until_there_is_room_again(bool zeroes)
    {
        BlockGuest guest = new(backend);
        plan.Add(HostFault.NoSpace);
        plan.Add(HostFault.NoSpace);
        for (int i = 0; i < 3; i++)
        {
            BlockAnswer answer = zeroes ? guest.Do(WriteZeroes, 0, [Range(4, 1)]) : guest.Write(4, new byte[512]);
            Assert.Equal(i < 2 ? IoError : Ok, answer.Status);
        }

        Assert.Equal((2, 2), (plan.Injected, guest.Device.Counters.Failed));
        Assert.False(backend.Bytes.Slice(4 * 512, 512).ContainsAnyExcept((byte)0));
        guest.AssertHealthy();
    }

    [Theory, InlineData(HostFault.FailsHalfway), InlineData(HostFault.Short), InlineData(HostFault.NoProgress)]
    [Trait("Case", "H02"), Trait("Case", "H03")]
    public void H02_A_read_that_fails_on_its_way_is_IOERR_and_leaves_the_rest_of_the_buffers_alone(HostFault fault)
    {
        BlockGuest guest = new(backend);
        plan.Add(fault);
        ulong[] at = [.. Enumerable.Range(0, 5).Select(_ => guest.Driver.Allocate(512))];
        guest.Driver.Memory.TryWrite(at[0], Header(In, 8));
        for (int i = 1; i < 5; i++) guest.Driver.Memory.TryWrite(at[i], Enumerable.Repeat((byte)0x77, 512).ToArray());
        ulong status = guest.Driver.Allocate(1);
        guest.Queue.Add([
            new(at[0], 16, false), .. at[1..].Select(a => new DriverSegment(a, 512, true)), new(status, 1, true)]);
        guest.Queue.Kick();
        BlockAnswer answer = guest.Reap();
        int moved = fault == HostFault.NoProgress ? 0 : 1024;
        Assert.Equal((IoError, (uint)moved), (answer.Status, answer.Length));
        Assert.Equal(Pattern(DiskBytes)[4096..(4096 + moved)], answer.Data[..moved]);
        Assert.All(answer.Data[moved..], b => Assert.Equal(0x77, b));
        guest.AssertHealthy();
    }

    [Theory, InlineData(HostFault.FailsHalfway), InlineData(HostFault.Short), InlineData(HostFault.NoProgress)]
    [Trait("Case", "H04")]
    public void H04_A_write_that_does_not_take_all_is_IOERR_whatever_the_backend_says(HostFault fault)
    {
        BlockGuest guest = new(backend);
        plan.Add(fault);
        byte[] sent = Pattern(2048, seed: 9);
        Assert.Equal(IoError, guest.Write(8, sent).Status);
        Assert.Equal(1, guest.Device.Counters.Failed);
        Assert.Equal(Ok, guest.Write(8, sent).Status);
        Assert.True(backend.Bytes.Slice(4096, 2048).SequenceEqual(sent));
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "H07")]
    public void H07_A_failed_flush_is_told_once_by_the_device_and_later_ones_are_the_backends_to_decide()
    {
        BlockGuest guest = new(backend);
        Assert.Equal(Ok, guest.Write(0, new byte[512]).Status);
        plan.Add(HostFault.IoError);
        Assert.Equal(IoError, guest.Do(Flush, 0).Status);
        Assert.Equal(Ok, guest.Do(Flush, 0).Status);
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "H07")]
    public void H07_Without_a_write_cache_a_failed_flush_fails_the_write()
    {
        BlockGuest guest = new(backend, new() { Cache = BlockCacheMode.WriteThrough });
        plan.Add(HostFault.None);
        plan.Add(HostFault.IoError);
        Assert.Equal(IoError, guest.Write(0, new byte[512]).Status);
        Assert.Equal(Ok, guest.Write(0, new byte[512]).Status);
    }

    [Fact]
    [Trait("Case", "H06")]
    public async Task H06_A_backend_that_was_closed_is_IOERR_until_it_is_swapped()
    {
        BlockGuest guest = new(backend);
        plan.SetOtherwise(HostFault.Closed);
        Assert.Equal(IoError, guest.Read(0, 512).Status);
        Assert.Equal(IoError, guest.Write(0, new byte[512]).Status);
        Assert.Equal(IoError, guest.Do(Flush, 0).Status);
        await guest.Device.SwapAsync(new FaultyBlockBackend(DiskBytes, new()));
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "H08")]
    public async Task H08_Signals_that_interrupt_the_hosts_calls_do_not_show()
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, new byte[DiskBytes]);
        await using FileBlockBackend file = FileBlockBackend.Open(path);
        BlockGuest guest = new(file);
        // SIGWINCH has a handler in every program that has a terminal's size, so the calls are really interrupted.
        string pid = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        using Process signals = Process.Start("/bin/sh", ["-c", $"i=0; while [ $i -lt 2000 ]; do kill -WINCH {pid}; i=$((i+1)); done"]);
        for (int round = 0; round < 100; round++)
        {
            byte[] sent = Pattern(64 << 10, round);
            Assert.Equal(Ok, guest.Write(128, sent).Status);
            BlockAnswer answer = guest.Read(128, 64 << 10);
            Assert.Equal(Ok, answer.Status);
            Assert.Equal(sent, answer.Data);
        }

        await signals.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, guest.Device.Counters.Failed);
        File.Delete(path);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void A_backend_that_completes_a_request_twice_gives_a_buffer_back_once(bool inOrder)
    {
        BlockGuest guest = new(backend, transport: new() { InOrder = inOrder });
        for (int round = 0; round < 20; round++)
        {
            plan.Add(HostFault.Twice);
            plan.Add(HostFault.Late);
            ushort first = guest.Submit(In, 0, writable: [512]);
            ushort second = guest.Submit(In, 1, writable: [512]);
            backend.Waiting.Take()!.Complete();
            BlockAnswer answer = guest.Reap();
            Assert.Equal((first, Ok), (answer.Id, answer.Status));
            backend.Waiting.Take()!.Complete();
            answer = guest.Reap();
            Assert.Equal((second, Ok), (answer.Id, answer.Status));
            Assert.Equal(Pattern(DiskBytes)[512..1024], answer.Data);
        }

        guest.AssertHealthy();
    }

    [Fact]
    public void A_second_completion_does_not_complete_the_request_that_came_after()
    {
        StubbornBackend stubborn = new();
        BlockGuest guest = new(stubborn);
        guest.Submit(In, 0, writable: [512]);
        Action again = stubborn.Complete();
        Assert.Equal(Ok, guest.Reap().Status);
        // The object that waited for the first request waits for the second one now.
        guest.Submit(In, 1, writable: [512]);
        again();
        Assert.Empty(guest.ReapAll());
        stubborn.Complete();
        Assert.Equal(Ok, guest.Reap().Status);
    }

    [Theory, InlineData(DeviceScheduling.Inline), InlineData(DeviceScheduling.Pooled)]
    public void Completions_that_never_come_hold_up_the_reset_and_nothing_else(DeviceScheduling scheduling)
    {
        plan.SetOtherwise(HostFault.Late);
        BlockGuest guest = new(backend, transport: new() { ResetTimeout = TimeSpan.Zero, Scheduling = scheduling });
        BlockGuest other = new(new FaultyBlockBackend(DiskBytes, new()), memory: guest.Driver.Memory, start: false);
        for (int i = 0; i < 4; i++) guest.Submit(In, (ulong)i, writable: [512]);
        Assert.True(SpinWait.SpinUntil(() => backend.Waiting.Count == 4, 10_000));
        guest.Driver.WriteRegister(MmioRegister.Status, 0);
        Assert.Equal(DeviceStatus.NeedsReset, guest.Driver.Status);
        // Nothing that the driver does meanwhile starts it again.
        foreach (uint status in new uint[] { 1, 3, 0, 0x0b, 0x0f }) guest.Driver.WriteRegister(MmioRegister.Status, status);
        guest.Driver.WriteRegister(MmioRegister.QueueNotify, 0);
        Assert.Equal(DeviceStatus.NeedsReset, guest.Driver.Status);
        other.Driver.Start();
        other.AssertHealthy();
        while (backend.Waiting.Take() is { } late)
        {
            Assert.Equal(DeviceStatus.NeedsReset, guest.Driver.Status);
            late.Complete();
        }

        Assert.True(SpinWait.SpinUntil(() => guest.Driver.Status == DeviceStatus.None, 10_000));
        plan.SetOtherwise(HostFault.None);
        if (scheduling == DeviceScheduling.Pooled) return;
        guest.Driver.Start();
        guest.AssertHealthy();
    }

    [Fact]
    public void A_backend_that_throws_when_it_hears_of_a_reset_does_not_keep_the_device_from_being_reset()
    {
        StubbornBackend stubborn = new() { ThrowsAtReset = true };
        BlockGuest guest = new(stubborn, transport: new() { ResetTimeout = TimeSpan.Zero });
        guest.Submit(In, 0, writable: [512]);
        guest.Driver.WriteRegister(MmioRegister.Status, 0);
        stubborn.Complete();
        Assert.Equal(DeviceStatus.None, guest.Driver.Status);
        stubborn.ThrowsAtReset = false;
        guest.Driver.Start();
        guest.Submit(In, 0, writable: [512]);
        stubborn.Complete();
        Assert.Equal(Ok, guest.Reap().Status);
    }

    [Fact]
    public void After_a_reset_the_rest_of_a_batch_is_left_alone()
    {
        StubbornBackend stubborn = new();
        BlockGuest guest = new(stubborn);
        Task ending = Task.CompletedTask;
        stubborn.Called = () => ending = ending.IsCompleted ? guest.Transport.DisposeAsync().AsTask() : ending;
        for (int i = 0; i < 16; i++) guest.Queue.Add([Header(In, 0)], [512, 1]);
        guest.Queue.Kick();
        Assert.Equal(1, stubborn.Calls);
        stubborn.Complete();
        Assert.True(ending.IsCompletedSuccessfully);
    }

    [Fact]
    public void Faults_at_random_are_answered_each_once()
    {
        for (int seed = 0; seed < LongRun.Rounds(50, 5000); seed++)
        {
            FaultPlan random = FaultPlan.FromSeed(
                seed,
                50,
                HostFault.IoError,
                HostFault.NoSpace,
                HostFault.Closed,
                HostFault.FailsHalfway,
                HostFault.Short,
                HostFault.Late,
                HostFault.Twice);
            FaultyBlockBackend faulty = new(65_536, random);
            BlockGuest guest = new(faulty, new() { QueueSize = 64 });
            HashSet<ushort> open = [];
            for (int i = 0; i < 16; i++)
            {
                ushort id = (i % 3) switch
                {
                    0 => guest.Submit(In, (ulong)i, writable: [512]),
                    1 => guest.Submit(Out, (ulong)i, [new byte[512]]),
                    _ => guest.Submit(Flush, 0),
                };
                Assert.True(open.Add(id), $"Seed {seed}: {id} is in use.");
            }

            faulty.Waiting.CompleteAll();
            foreach (BlockAnswer answer in guest.ReapAll())
            {
                Assert.True(open.Remove(answer.Id), $"Seed {seed}: {answer.Id} was answered twice.");
                Assert.InRange(answer.Status, Ok, IoError);
            }

            Assert.True(open.Count == 0, $"Seed {seed}: {open.Count} requests are not answered.");
            Assert.Equal(0, faulty.OutOfRange);
        }
    }

    /// <summary>A disk whose one request is completed by hand, as often as the test likes.</summary>
    private sealed class StubbornBackend : IBlockBackend, IValueTaskSource<BlockStatus>
    {
        private Action<object?>? continuation;
        private object? state;
        private bool done;

        public Action Called { get; set; } = static () => { };

        public int Calls { get; private set; }

        public bool ThrowsAtReset { get; set; }

        public long Length => 4096;

        public bool ReadOnly => true;

        public bool CanUnmap => false;

        /// <summary>Completes the request.</summary>
        /// <returns>What completes it once more.</returns>
        public Action Complete()
        {
            done = true;
            (Action<object?> now, object? with) = (continuation!, state);
            now(with);
            return () => now(with);
        }

        public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset)
        {
            Calls++;
            destination.Advance(destination.Length);
            done = false;
            if (ThrowsAtReset) reset.Register(static () => throw new InvalidOperationException("Not now."));
            ValueTask<BlockStatus> pending = new(this, 0);
            Called();
            return pending;
        }

        public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset) => new(BlockStatus.IoError);

        public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => new(BlockStatus.Ok);

        public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset) => new(BlockStatus.Ok);

        public ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset) =>
            new(BlockStatus.Ok);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        BlockStatus IValueTaskSource<BlockStatus>.GetResult(short token) => BlockStatus.Ok;

        ValueTaskSourceStatus IValueTaskSource<BlockStatus>.GetStatus(short token) =>
            done ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;

        void IValueTaskSource<BlockStatus>.OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            (this.continuation, this.state) = (continuation, state);
    }
}
