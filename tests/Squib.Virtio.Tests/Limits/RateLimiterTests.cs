using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Limits;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices;
using Squib.Virtio.Tests.Devices.Block;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Limits;

/// <summary>What a limiter lets pass, shown by the entropy device, whose requests are the simplest.</summary>
public sealed class RateLimiterTests
{
    private const int RequestBytes = 100;

    private readonly ManualTime time = new();

    [Fact]
    public void A_burst_passes_at_once_and_then_one_request_a_time()
    {
        SteadyLoad load = Attach(new RateLimiter(new() { OperationsPerSecond = 10, BurstOperations = 50 }, time), depth: 64);
        load.Turn();
        Assert.Equal(50, Reap(load));
        time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(0, Reap(load));
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, Reap(load));
        time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.Equal(5, Reap(load));
    }

    [Fact]
    public void After_a_rest_no_more_than_the_burst_passes_at_once()
    {
        SteadyLoad load = Attach(new RateLimiter(new() { OperationsPerSecond = 100, BurstOperations = 20 }, time), depth: 64);
        time.Advance(TimeSpan.FromHours(1));
        load.Turn();
        Assert.Equal(20, Reap(load));
    }

    [Fact]
    public void A_request_larger_than_the_burst_passes_and_is_paid_off_before_the_next()
    {
        SteadyLoad load = Attach(new RateLimiter(new() { BytesPerSecond = 1000, BurstBytes = 10 }, time), depth: 2);
        load.Turn();
        Assert.Equal(1, Reap(load));
        // 10 - 100 bytes: 91 are needed for a credit of 1.
        time.Advance(TimeSpan.FromMilliseconds(90));
        Assert.Equal(0, Reap(load));
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, Reap(load));
    }

    [Fact]
    public void A_limit_that_is_raised_holds_at_once_for_those_that_wait()
    {
        RateLimiter limiter = new(new() { OperationsPerSecond = 1 }, time);
        SteadyLoad load = Attach(limiter, depth: 64);
        load.Turn();
        Assert.Equal(1, Reap(load));
        limiter.Update(new() { OperationsPerSecond = 1000 });
        Assert.Equal(0, Reap(load));
        time.Advance(TimeSpan.FromMilliseconds(10));
        Assert.Equal(10, Reap(load));
        limiter.Update(new());
        Assert.Equal(53, Reap(load));
        Assert.Equal(0, time.Armed);
        Assert.Equal(new RateLimits(), limiter.Limits);
    }

    [Fact]
    public void A_limit_that_is_lowered_holds_from_the_next_request_on()
    {
        RateLimiter limiter = new(new() { OperationsPerSecond = 1000 }, time);
        SteadyLoad load = Attach(limiter, depth: 64);
        load.Run(time, 1);
        limiter.Update(new() { OperationsPerSecond = 10 });
        int before = load.Answered;
        load.Run(time, 10);
        Assert.InRange(load.Answered - before, 95, 105);
    }

    [Fact]
    public void A_debt_is_not_forgiven_by_a_new_limit()
    {
        RateLimiter limiter = new(new() { BytesPerSecond = 1, BurstBytes = 1 }, time);
        SteadyLoad load = Attach(limiter, depth: 2);
        load.Turn();
        Assert.Equal(1, Reap(load));
        limiter.Update(new() { BytesPerSecond = 100 });
        time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(0, Reap(load));
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, Reap(load));
    }

    [Fact]
    public void Both_limits_hold()
    {
        RateLimiter limiter = new(new() { BytesPerSecond = 1_000_000, OperationsPerSecond = 100 }, time);
        SteadyLoad load = Attach(limiter, depth: 32);
        load.Run(time, 10);
        Assert.InRange(load.Answered, 950, 1050);
        limiter.Update(new() { BytesPerSecond = 2000, OperationsPerSecond = 100_000 });
        int before = load.Answered;
        load.Run(time, 10);
        Assert.InRange(load.Answered - before, 190, 210);
    }

    [Fact]
    public void Those_that_share_a_limiter_get_the_same_and_together_what_it_lets_pass()
    {
        RateLimiter limiter = new(new() { OperationsPerSecond = 300 }, time);
        SteadyLoad[] loads = [.. Enumerable.Range(0, 3).Select(_ => Attach(limiter, depth: 32))];
        SteadyLoad.Run(time, 10, loads);
        Assert.InRange(loads.Sum(load => load.Answered), 2850, 3150);
        Assert.All(loads, load => Assert.InRange(load.Answered, 950, 1050));
    }

    [Fact]
    public void One_that_asks_seldom_does_not_wait_for_one_that_asks_always()
    {
        RateLimiter limiter = new(new() { OperationsPerSecond = 100, BurstOperations = 1 }, time);
        SteadyLoad greedy = Attach(limiter, depth: 32);
        SteadyLoad modest = Attach(limiter, depth: 1);
        SteadyLoad.Run(time, 1, greedy);
        for (int i = 0; i < 20; i++)
        {
            modest.Turn();
            SteadyLoad.Run(time, 0.025, greedy);
            Assert.Equal(1, Reap(modest));
        }
    }

    [Fact]
    public void There_is_no_timer_while_nothing_waits()
    {
        RateLimiter limiter = new(new() { OperationsPerSecond = 100 }, time);
        SteadyLoad load = Attach(limiter, depth: 5);
        load.Turn();
        Assert.Equal(5, Reap(load));
        Assert.Equal(0, time.Armed);
        SteadyLoad more = Attach(limiter, depth: 10);
        more.Turn();
        Assert.Equal(1, time.Armed);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(10, Reap(more));
        Assert.Equal(0, time.Armed);
    }

    [Fact]
    public void A_throttled_request_allocates_nothing()
    {
        SteadyLoad load = Attach(new RateLimiter(new() { OperationsPerSecond = 1000, BurstOperations = 1 }, time), depth: 32);
        long least = long.MaxValue;
        for (int round = 0; round < 50; round++)
        {
            load.Turn();
            long before = GC.GetAllocatedBytesForCurrentThread();
            time.Advance(TimeSpan.FromMilliseconds(20));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.InRange(load.Answered, 950, 1050);
        // A collection in between counts what is left of the thread's piece of heap, so the least tells.
        Assert.Equal(0, least);
    }

    [Fact]
    public void What_has_passed_is_answered_while_the_next_waits()
    {
        SpyBlockBackend backend = new(1 << 20) { Holds = true };
        BlockGuest guest = new(backend, new() { Limiter = new(new() { OperationsPerSecond = 1 }, time) });
        guest.Submit(BlockGuest.In, 0, writable: [512]);
        guest.Submit(BlockGuest.In, 8, writable: [512]);
        Assert.Equal("read 0+512", Assert.Single(backend.Calls));
        Assert.Single(backend.Held).Complete();
        Assert.Equal(BlockGuest.Ok, guest.Reap().Status);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("read 4096+512", backend.Calls[^1]);
    }

    [Fact]
    public void A_queue_is_reset_while_its_requests_wait()
    {
        SteadyLoad load = Attach(
            new RateLimiter(new() { OperationsPerSecond = 1 }, time), depth: 8, out GuestDriver driver, out RngDevice device);
        load.Turn();
        driver.WriteRegister(MmioRegister.QueueSel, 0);
        driver.WriteRegister(MmioRegister.QueueReset, 1);
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReset));
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReady));
        DriverQueue again = driver.SetUpQueue(0);
        again.Submit([], [16]);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Single(again.Reap());
        Assert.Equal(2, device.Requests);
    }

    [Fact]
    public void Another_limiter_takes_over_those_that_wait_at_the_first()
    {
        RateLimiter first = new(new() { OperationsPerSecond = 1 }, time);
        SteadyLoad load = Attach(first, depth: 32, out _, out RngDevice device);
        load.Turn();
        Assert.Equal(1, Reap(load));
        device.Limiter = new(new() { OperationsPerSecond = 100, BurstOperations = 7 }, time);
        Assert.Equal(7, Reap(load));
        Assert.NotSame(first, device.Limiter);
        time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.Equal(5, Reap(load));
    }

    [Fact]
    public async Task A_pooled_device_waits_on_the_real_clock()
    {
        RngDevice device = new(new() { Limiter = new(new() { OperationsPerSecond = 200, BurstOperations = 1 }) });
        (GuestDriver driver, VirtioMmioTransport transport, _) =
            GuestDriver.Attach(device, new() { Scheduling = DeviceScheduling.Pooled });
        await using VirtioMmioTransport disposed = transport;
        DriverQueue queue = driver.Start()!;
        for (int i = 0; i < 20; i++) queue.Add([], [16]);
        long started = TimeProvider.System.GetTimestamp();
        queue.Kick();
        await Eventually(() => device.Requests == 20);
        // 19 waits of 5 ms; how much longer it takes is the host's affair.
        Assert.InRange(TimeProvider.System.GetElapsedTime(started).TotalMilliseconds, 90, 20_000);
    }

    [Fact]
    public void Limits_that_cannot_be_are_refused_and_change_nothing()
    {
        RateLimiter limiter = new(new() { OperationsPerSecond = 5 }, time);
        Assert.Throws<ArgumentOutOfRangeException>(() => limiter.Update(new() { BytesPerSecond = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => limiter.Update(new() { OperationsPerSecond = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => limiter.Update(new() { BytesPerSecond = 1, BurstBytes = 0 }));
        Assert.Throws<ArgumentException>(() => limiter.Update(new() { BurstOperations = 1 }));
        Assert.Throws<ArgumentNullException>(() => limiter.Update(null!));
        Assert.Equal(5, limiter.Limits.OperationsPerSecond);
    }

    private static async Task Eventually(Func<bool> isSo)
    {
        while (!isSo())
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static int Reap(SteadyLoad load)
    {
        int count = load.Queue.Reap().Count;
        return count;
    }

    private static SteadyLoad Attach(RateLimiter limiter, int depth) => Attach(limiter, depth, out _, out _);

    private static SteadyLoad Attach(RateLimiter limiter, int depth, out GuestDriver driver, out RngDevice device)
    {
        device = new(new() { Limiter = limiter, Source = static bytes => bytes.Clear() });
        (driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        return new(driver.Queues[0], depth, [], [RequestBytes]);
    }
}
