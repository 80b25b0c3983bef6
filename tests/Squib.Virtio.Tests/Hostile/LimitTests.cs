using System.Buffers.Binary;
using System.Diagnostics;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices.Block;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>What a guest can multiply, at its worst (docs/threat-model.md has the whole list).</summary>
public sealed class LimitTests
{
    private const int TableEntries = 1024;

    /// <summary>Generous: what takes as long does so on no machine by accident.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    [Fact]
    [Trait("Case", "Q20")]
    public void A_full_ring_of_the_longest_chains_with_the_backend_costs_sixteen_bytes_a_descriptor()
    {
        const int queueSize = 256;
        FaultyBlockBackend disk = new(65_536, FaultPlan.Always(HostFault.Late));
        BlockGuest guest = new(disk, new() { QueueSize = queueSize });
        // All chains use the same buffers, so the guest needs hardly any memory for them.
        ulong header = guest.Driver.Allocate(16);
        guest.Driver.Memory.TryWrite(header, BlockGuest.Header(BlockGuest.In, 0));
        ulong data = guest.Driver.Allocate(32);
        DriverSegment[] chain =
        [
            new(header, 16, false),
            .. Enumerable.Repeat(new DriverSegment(data, 1, true), 512), new(data + 1, 1, true),
            .. Enumerable.Repeat(new DriverSegment(data, 0, true), TableEntries - 514),
        ];
        for (int i = 0; i < queueSize; i++) guest.Queue.Add(chain, indirect: true);
        long before = GC.GetAllocatedBytesForCurrentThread();
        guest.Queue.Kick();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(queueSize, disk.Waiting.Count);
        // Arrays that are doubled as they grow cost twice their final size.
        Assert.InRange(allocated, 0, 2 * 2 * 16 * TableEntries * queueSize);
        disk.Waiting.CompleteAll();
        Assert.All(guest.ReapAll(), answer => Assert.Equal(BlockGuest.Ok, answer.Status));
    }

    [Theory, InlineData((ushort)3), InlineData((ushort)2)]
    [Trait("Case", "M04")]
    public void Requests_about_all_blocks_of_a_large_region_are_answered_soon(ushort type)
    {
        FaultyMemory owner = new(1L << 40, new());
        MemDevice device = new(owner, new() { Address = 1UL << 40, RegionBytes = 1L << 40, RequestedBytes = 1L << 40 });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        DriverQueue queue = driver.Start()!;
        byte[] request = new byte[24];
        BinaryPrimitives.WriteUInt16LittleEndian(request, type);
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), 1UL << 40);
        BinaryPrimitives.WriteUInt16LittleEndian(request.AsSpan(16), 0xffff);
        for (int i = 0; i < queue.Size / 2; i++) queue.Add([request], [10]);
        long started = Stopwatch.GetTimestamp();
        queue.Kick();
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, Long);
        Assert.All(queue.Reap(), used => Assert.Equal(0, used.Written[0]));
    }

    [Theory, InlineData(3), InlineData(4)]
    [Trait("Case", "L03")]
    public void Hints_and_reports_that_name_all_memory_again_and_again_cost_no_memory_and_end(int queue)
    {
        const int ramBytes = 64 << 20;
        FaultyMemory owner = new(ramBytes, new());
        BalloonDevice device = new([new(0x8000_0000, owner)]);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, memory: new(new GuestRegion(0x8000_0000, new byte[ramBytes])));
        driver.Start();
        _ = device.StartHinting();
        uint id = BinaryPrimitives.ReadUInt32LittleEndian(driver.ReadConfig(8, 4));
        driver.Queues[3].Submit([BitConverter.GetBytes(id)]);
        driver.Queues[3].Reap();
        DriverQueue ring = driver.Queues[queue];
        // The most that a chain may have: four gigabytes, less one byte.
        DriverSegment[] all = [.. Enumerable.Repeat(new DriverSegment(0x8000_0000, ramBytes, true), 63)];
        for (int i = 0; i < ring.Size / 2; i++) ring.Add(all, indirect: true);
        long before = GC.GetAllocatedBytesForCurrentThread();
        long started = Stopwatch.GetTimestamp();
        ring.Kick();
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, Long);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Equal(ring.Size / 2, ring.Reap().Count);
        Assert.Equal(0, owner.OutOfRange);
        if (queue == 3) Assert.Equal(new PageRange(0x8_0000, ramBytes / 4096), Assert.Single(device.HintedPages));
    }

    [Fact]
    [Trait("Case", "B13")]
    public void The_most_that_one_request_may_zero_is_what_its_options_say()
    {
        FaultyBlockBackend disk = new(1 << 20, new());
        BlockGuest guest = new(disk, new() { MaxRanges = 4, MaxWriteZeroesSectors = 16 });
        byte[][] most = [.. Enumerable.Repeat(BlockGuest.Range(0, 16), 4)];
        Assert.Equal(BlockGuest.Ok, guest.Do(BlockGuest.WriteZeroes, 0, most).Status);
        Assert.Equal(BlockGuest.IoError, guest.Do(BlockGuest.WriteZeroes, 0, [.. most, BlockGuest.Range(0, 1)]).Status);
        Assert.Equal(BlockGuest.IoError, guest.Do(BlockGuest.WriteZeroes, 0, [BlockGuest.Range(0, 17)]).Status);
    }
}
