using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Rng;

public sealed class RngDeviceTests
{
    [Theory]
    [Trait("Row", "RNG-01")]
    [Trait("Row", "RNG-D01")]
    [InlineData(false)]
    [InlineData(true)]
    public void A_buffer_is_filled_with_random_bytes(bool packed)
    {
        RngDevice device = new();
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, new() { RingPacked = packed });
        DriverQueue queue = driver.Start()!;
        Assert.Equal(0u, device.Features);
        Assert.Equal(0, device.Config.Length);
        Assert.Single(driver.Queues);
        queue.Submit([], [100, 400]);
        UsedBuffer used = Assert.Single(queue.Reap());
        Assert.Equal(500u, used.Length);
        // 500 random bytes hold fewer than 100 different values only if they are not random.
        Assert.InRange(used.Written.Distinct().Count(), 100, 256);
        Assert.Equal((1, 500, 0), (device.Requests, device.Bytes, device.Failures));
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes()
    {
        byte[] first = Take(new SeededEntropySource(7).Fill, 333);
        Assert.Equal(first, Take(new SeededEntropySource(7).Fill, 333));
        Assert.NotEqual(first, Take(new SeededEntropySource(8).Fill, 333));
        Assert.Equal(first[100..], TakeInTwo(new SeededEntropySource(7), 100, 233));
        Assert.InRange(first.Distinct().Count(), 100, 256);
    }

    [Fact]
    [Trait("Case", "R01")]
    [Trait("Row", "RNG-02")]
    public void R01_Four_gigabytes_are_asked_for_and_64_KiB_are_given()
    {
        RngDevice device = new();
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start(queueSize: 64);
        ulong inside = 0x8000_0000 + (1 << 20);
        DriverSegment[] segments = [.. Enumerable.Repeat(new DriverSegment(inside, 8 << 20, IsWritable: true), 255)];
        long before = GC.GetAllocatedBytesForCurrentThread();
        driver.Queues[0].Add(segments, indirect: true);
        driver.Queues[0].Kick();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 65_536);
        // Taken by hand: the driver's double would copy all that was "written".
        Assert.Equal(65_536u, ((SplitDriverQueue)driver.Queues[0]).ReadUsed(0).Length);
        Assert.Equal(65_536, device.Bytes);
    }

    [Fact]
    [Trait("Case", "R02")]
    public void R02_What_can_only_be_read_comes_back_empty_and_a_mix_is_filled_where_it_can_be()
    {
        RngDevice device = new();
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        DriverQueue queue = driver.Start()!;
        queue.Submit([new byte[64]]);
        Assert.Equal(0u, Assert.Single(queue.Reap()).Length);
        Assert.Equal(1, device.Failures);
        queue.Submit([new byte[64]], [32]);
        Assert.Equal(32u, Assert.Single(queue.Reap()).Length);
        queue.Submit([], [16]);
        Assert.Equal(16u, Assert.Single(queue.Reap()).Length);
    }

    [Fact]
    [Trait("Case", "R03")]
    public void R03_Empty_tiny_and_impossible_buffers()
    {
        RngDevice device = new();
        GuestRegion first = new(0x8000_0000, new byte[1 << 20]);
        GuestMemory memory = new(first, new GuestRegion(0x8020_0000, new byte[1 << 20]));
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, memory: memory);
        DriverQueue queue = driver.Start()!;
        queue.Submit([], [0]);
        Assert.Equal(0u, Assert.Single(queue.Reap()).Length);
        queue.Submit([], [1]);
        Assert.Equal(1u, Assert.Single(queue.Reap()).Length);
        queue.Add([new DriverSegment(0x800f_fff0, 32, IsWritable: true)]);
        queue.Kick();
        Assert.Equal(0u, Assert.Single(queue.Reap()).Length);
        queue.Submit([], [8]);
        Assert.Equal(8u, Assert.Single(queue.Reap()).Length);
    }

    [Fact]
    [Trait("Case", "R04")]
    public void R04_A_flood_of_requests_of_one_byte_allocate_nothing()
    {
        RngDevice device = new(new() { Source = new SeededEntropySource(1).Fill });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        DriverQueue queue = driver.Start()!;
        long least = long.MaxValue;
        for (int i = 0; i < 128_000 / 64; i++)
        {
            for (int k = 0; k < 64; k++) queue.Add([], [1]);
            queue.Publish();
            long before = GC.GetAllocatedBytesForCurrentThread();
            queue.Notify();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(64, queue.Reap().Count);
        }

        // A collection in between counts what is left of the thread's piece of heap, so a round now and then shows
        // more.
        Assert.Equal(0, least);
        Assert.Equal(128_000, device.Requests);
    }

    [Fact]
    public void A_reset_ends_the_session_and_the_next_one_is_served()
    {
        RngDevice device = new();
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        for (int session = 1; session <= 3; session++)
        {
            DriverQueue queue = driver.Start()!;
            queue.Submit([], [8]);
            Assert.Equal(8u, Assert.Single(queue.Reap()).Length);
            queue.Add([], [8]);
            queue.Publish();
            driver.Reset();
            Assert.Empty(queue.Reap());
            Assert.Equal(session, device.Requests);
        }
    }

    [Fact]
    [Trait("Row", "RNG-01")]
    public void Where_the_source_fails_the_operating_system_steps_in_and_the_failure_is_counted()
    {
        bool fails = true;
        RngDevice device = new(new()
        {
            Source = bytes => bytes.Fill(fails ? throw new IOException("Empty.") : (byte)7),
        });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        DriverQueue queue = driver.Start()!;
        queue.Submit([], [100, 400]);
        UsedBuffer used = Assert.Single(queue.Reap());
        Assert.Equal(500u, used.Length);
        Assert.InRange(used.Written.Distinct().Count(), 100, 256);
        Assert.Equal((1, 500), (device.Failures, device.Bytes));
        fails = false;
        queue.Submit([], [3]);
        Assert.Equal([7, 7, 7], Assert.Single(queue.Reap()).Written);
        Assert.Equal(1, device.Failures);
    }

    [Fact]
    public void Options_out_of_their_limits_are_refused()
    {
        Assert.Throws<ArgumentNullException>(() => new RngDevice(new() { Source = null! }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RngDevice(new() { MaxRequestBytes = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RngDevice(new() { QueueSize = 0 }));
    }

    private static byte[] Take(EntropySource source, int length)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new RngDevice(new() { Source = source }));
        DriverQueue queue = driver.Start()!;
        queue.Submit([], [length]);
        return Assert.Single(queue.Reap()).Written;
    }

    private static byte[] TakeInTwo(SeededEntropySource source, int skip, int length)
    {
        source.Fill(new byte[skip]);
        return Take(source.Fill, length);
    }
}
