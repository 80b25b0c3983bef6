using System.Buffers.Binary;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Pmem;

public sealed class PmemDeviceTests
{
    private const ulong Start = 0x1_0020_0000;
    private const long Length = 6 << 20;

    private readonly SpyPmemBackend backend = new();
    private PmemDevice device;
    private GuestDriver driver = null!;

    public PmemDeviceTests() => device = Attach();

    [Theory]
    [Trait("Row", "PMEM-D01")]
    [Trait("Row", "PMEM-08")]
    [InlineData(false)]
    [InlineData(true)]
    public void A_flush_is_answered_with_0(bool packed)
    {
        device = Attach(transport: new() { RingPacked = packed, InOrder = packed });
        DriverQueue queue = driver.Start()!;
        queue.Submit([Type(0)], [4]);
        Assert.Equal([0, 0, 0, 0], Assert.Single(queue.Reap()).Written);
        Assert.Equal(1, backend.Flushes);
        Assert.Equal((1, 1, 0), (device.Counters.Requests, device.Counters.Flushes, device.Counters.Failures));
    }

    [Fact]
    [Trait("Row", "PMEM-07")]
    public void The_answer_comes_when_the_flush_is_done_and_the_vCPU_does_not_wait()
    {
        backend.Holds = true;
        DriverQueue queue = driver.Start()!;
        queue.Submit([Type(0)], [4]);
        Assert.Empty(queue.Reap());
        Assert.Equal(1, backend.Held);
        backend.Complete();
        Assert.Equal([0, 0, 0, 0], Assert.Single(queue.Reap()).Written);
        Assert.Equal(1u, driver.HandleInterrupt());
    }

    [Theory]
    [Trait("Row", "PMEM-09")]
    [InlineData(false)]
    [InlineData(true)]
    public void A_flush_that_fails_is_answered_with_minus_1_and_the_next_is_tried(bool holds)
    {
        backend.Holds = holds;
        backend.Failure = new IOException("No space.");
        DriverQueue queue = driver.Start()!;
        queue.Submit([Type(0)], [4]);
        backend.Complete();
        Assert.Equal([0xff, 0xff, 0xff, 0xff], Assert.Single(queue.Reap()).Written);
        Assert.Equal(1, device.Counters.Failures);
        (backend.Failure, backend.Holds) = (null, false);
        queue.Submit([Type(0)], [4]);
        Assert.Equal([0, 0, 0, 0], Assert.Single(queue.Reap()).Written);
    }

    [Fact]
    public void Requests_that_come_during_a_flush_share_the_next_one()
    {
        backend.Holds = true;
        DriverQueue queue = driver.Start()!;
        queue.Submit([Type(0)], [4]);
        for (int i = 0; i < 20; i++) queue.Submit([Type(0)], [4]);
        Assert.Equal(1, backend.Flushes);
        backend.Complete();
        Assert.Single(queue.Reap());
        Assert.Equal(2, backend.Flushes);
        backend.Complete();
        Assert.Equal(20, queue.Reap().Count);
        Assert.Equal((21, 2), (device.Counters.Requests, device.Counters.Flushes));
    }

    [Fact]
    public void A_reset_waits_for_the_flush_and_starts_no_other()
    {
        backend.Holds = true;
        device = Attach(transport: new() { ResetTimeout = TimeSpan.FromMilliseconds(1) });
        DriverQueue queue = driver.Start()!;
        queue.Submit([Type(0)], [4]);
        queue.Submit([Type(0)], [4]);
        driver.WriteRegister(MmioRegister.Status, 0);
        Assert.Equal(DeviceStatus.NeedsReset, driver.Status);
        backend.Complete();
        Assert.Equal(DeviceStatus.None, driver.Status);
        Assert.Equal(1, backend.Flushes);
        backend.Holds = false;
        queue = driver.Start()!;
        queue.Submit([Type(0)], [4]);
        Assert.Equal([0, 0, 0, 0], Assert.Single(queue.Reap()).Written);
    }

    [Fact]
    public void The_queue_can_be_reset_alone_during_a_flush()
    {
        backend.Holds = true;
        driver.Start()!.Submit([Type(0)], [4]);
        driver.WriteRegister(MmioRegister.QueueSel, 0);
        driver.WriteRegister(MmioRegister.QueueReset, 1);
        Assert.Equal(1u, driver.ReadRegister(MmioRegister.QueueReset));
        backend.Complete();
        Assert.Equal(0u, driver.ReadRegister(MmioRegister.QueueReset));
        DriverQueue queue = driver.SetUpQueue(0);
        queue.Submit([Type(0)], [4]);
        backend.Complete();
        Assert.Single(queue.Reap());
    }

    [Fact]
    [Trait("Row", "PMEM-01")]
    [Trait("Row", "PMEM-02")]
    [Trait("Row", "PMEM-03")]
    public void With_SHMEM_REGION_the_memory_is_shared_region_0()
    {
        driver.Start(VirtioFeature.Version1 | PmemFeature.SharedMemory);
        Assert.Equal(new byte[16], driver.ReadConfig(0, 16));
        Assert.Equal((Start, (ulong)Length), ReadShared(0));
        Assert.Equal((ulong.MaxValue, ulong.MaxValue), ReadShared(1));
        driver.Reset();
        Assert.Equal(((long)Start, Length), ReadConfig());
    }

    [Fact]
    [Trait("Row", "PMEM-04")]
    [Trait("Row", "PMEM-05")]
    [Trait("Row", "PMEM-06")]
    public void Without_SHMEM_REGION_the_memory_is_in_the_configuration_space()
    {
        Assert.Equal(((long)Start, Length), ReadConfig());
        driver.Start(VirtioFeature.Version1);
        Assert.Equal(((long)Start, Length), ReadConfig());
        Assert.Equal((ulong.MaxValue, ulong.MaxValue), ReadShared(0));
        Assert.Equal(0UL, Attach(new() { Address = Start, Length = Length, SharedMemory = false }).Features);
    }

    [Fact]
    [Trait("Row", "BASE-17")]
    [Trait("Row", "BASE-18")]
    public void The_shared_region_is_memory_and_nothing_else()
    {
        byte[] shared = new byte[Length];
        GuestMemory memory = new(new GuestRegion(0x8000_0000, new byte[1 << 20]), new GuestRegion(Start, shared));
        device = new(backend, new() { Address = Start, Length = Length });
        (driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device, memory: memory);
        DriverQueue queue = driver.Start()!;
        uint[] before = [.. Enumerable.Range(0, 64).Select(i => driver.ReadRegister(4 * i))];
        // Whatever the driver writes there, requests and notifications among it, the device goes on as it was.
        Random random = new(1);
        foreach (byte[] piece in new[] { Type(0), Type(1), [.. "virt"u8], [.. Enumerable.Repeat((byte)0xff, 4096)] })
        {
            for (ulong at = 0; at < Length; at += 4096) Assert.True(memory.TryWrite(Start + at, piece));
            random.NextBytes(shared.AsSpan(random.Next((int)Length - 100), 100));
            driver.WriteRegister(MmioRegister.QueueNotify, 0);
        }

        Assert.Equal(before, Enumerable.Range(0, 64).Select(i => driver.ReadRegister(4 * i)));
        Assert.Equal((0, 0L, 0L), (backend.Flushes, device.Counters.Requests, transport.Interrupts));
        // And what the device says, it says through the queue.
        byte[] copy = [.. shared];
        queue.Submit([Type(0)], [4]);
        Assert.Equal([0, 0, 0, 0], Assert.Single(queue.Reap()).Written);
        Assert.True(copy.AsSpan().SequenceEqual(shared));
    }

    [Theory]
    [Trait("Case", "E01")]
    [InlineData(1u)]
    [InlineData(0x0100_0000u)]
    [InlineData(uint.MaxValue)]
    public void E01_A_type_that_is_not_known_fails(uint type)
    {
        DriverQueue queue = driver.Start()!;
        queue.Submit([Type(type)], [4]);
        Assert.Equal([0xff, 0xff, 0xff, 0xff], Assert.Single(queue.Reap()).Written);
        Assert.Equal((0, 1), (backend.Flushes, device.Counters.Unknown));
    }

    [Fact]
    [Trait("Case", "E02")]
    public void E02_What_cannot_be_answered_is_dropped()
    {
        DriverQueue queue = driver.Start()!;
        Drop([Type(0)[..3]], [4]);
        Drop([Type(0)], [3]);
        Drop([Type(0), new byte[4]], []);
        Drop([Type(0)], []);
        Drop([], [4]);
        ulong at = driver.Allocate(64);
        queue.Add([new DriverSegment(at, 4, IsWritable: true), new DriverSegment(at + 8, 4, IsWritable: false)]);
        queue.Kick();
        Assert.Equal(0u, Assert.Single(queue.Reap()).Length);
        Assert.Equal((0, 5), (backend.Flushes, device.Counters.Malformed));
        // Where the driver cuts its buffers does not matter, and what is behind the request is not looked at.
        queue.Submit([[0], [0, 0], [0, 9, 9]], [1, 1, 9]);
        UsedBuffer used = Assert.Single(queue.Reap());
        Assert.Equal(4u, used.Length);
        Assert.Equal(1, backend.Flushes);

        void Drop(byte[][] readable, int[] writable)
        {
            queue.Submit(readable, writable);
            Assert.Equal(0u, Assert.Single(queue.Reap()).Length);
        }
    }

    [Theory]
    [Trait("Case", "E03")]
    [InlineData(false)]
    [InlineData(true)]
    public void E03_A_thousand_requests_at_once_are_few_flushes(bool packed)
    {
        device = Attach(new() { Address = Start, Length = Length, QueueSize = 2048 }, new() { RingPacked = packed });
        DriverQueue queue = driver.Start(queueSize: 2048)!;
        for (int i = 0; i < 1000; i++) queue.Add([Type(0)], [4]);
        queue.Kick();
        List<UsedBuffer> used = queue.Reap();
        Assert.Equal(1000, used.Count);
        Assert.All(used, buffer => Assert.Equal([0, 0, 0, 0], buffer.Written));
        Assert.Equal(1000, device.Counters.Requests);
        Assert.InRange(backend.Flushes, 1, 4);
    }

    [Fact]
    [Trait("Case", "E05")]
    public void E05_The_driver_cannot_move_the_memory()
    {
        driver.Start(VirtioFeature.Version1);
        driver.WriteConfig(0, [.. Enumerable.Repeat((byte)0xff, 16)]);
        driver.WriteConfig(8, 1);
        Assert.Equal(((long)Start, Length), ReadConfig());
        Assert.Equal(17, device.Config.RefusedWrites);
    }

    [Fact]
    public void Options_out_of_their_limits_are_refused_by_name()
    {
        Refuse("Address", new() { Address = Start + 4096, Length = Length });
        Refuse("Length", new() { Address = Start, Length = 0 });
        Refuse("Length", new() { Address = Start, Length = Length + 4096 });
        Refuse("Length", new() { Address = ulong.MaxValue - (2 << 20) + 1, Length = 4 << 20 });
        Refuse("QueueSize", new() { Address = Start, Length = Length, QueueSize = 0 });

        void Refuse(string name, PmemOptions options) =>
            Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(() => new PmemDevice(backend, options)).ParamName);
    }

    private static byte[] Type(uint type)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, type);
        return bytes;
    }

    private PmemDevice Attach(PmemOptions? options = null, TransportOptions? transport = null)
    {
        device = new(backend, options ?? new() { Address = Start, Length = Length });
        (driver, _, _) = GuestDriver.Attach(device, transport);
        return device;
    }

    private (long Start, long Length) ReadConfig() =>
        (BinaryPrimitives.ReadInt64LittleEndian(driver.ReadConfig(0, 8)),
            BinaryPrimitives.ReadInt64LittleEndian(driver.ReadConfig(8, 8)));

    private (ulong Address, ulong Length) ReadShared(uint id)
    {
        driver.WriteRegister(MmioRegister.ShmSel, id);
        return (Read(MmioRegister.ShmBaseLow), Read(MmioRegister.ShmLenLow));

        ulong Read(int low) => driver.ReadRegister(low) | ((ulong)driver.ReadRegister(low + 4) << 32);
    }
}
