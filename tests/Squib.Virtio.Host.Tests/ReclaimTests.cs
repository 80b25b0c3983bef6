using System.Buffers.Binary;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Host.Tests;

/// <summary>Memory that devices give back to the host is really given back.</summary>
[Collection(nameof(MeasuredAlone))]
public sealed class ReclaimTests
{
    private const ulong Start = 0x8000_0000;
    private const int MiB = 1 << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Ballooned_pages_read_as_zero_and_the_others_stay(bool portable)
    {
        using MappedMemory ram = new(64 * MiB, portable);
        ram.Pieces[0].Span.Fill(1);
        BalloonDevice balloon = new([new(Start, ram)]);
        (GuestDriver driver, _, _) = GuestDriver.Attach(balloon, memory: new(new GuestRegion(Start, ram.Pieces[0])));
        DriverQueue inflate = driver.Start()!;
        byte[] pages = new byte[4 * 8192];
        for (int i = 0; i < 8192; i++)
        {
            uint page = (uint)(Start / 4096) + 8192 + (uint)(8191 - i);
            BinaryPrimitives.WriteUInt32LittleEndian(pages.AsSpan(4 * i), page);
        }

        inflate.Submit([pages]);
        Drain(inflate);
        Span<byte> all = ram.Pieces[0].Span;
        Assert.Equal(1, all[(32 * MiB) - 1]);
        Assert.Equal(-1, all[(32 * MiB)..].IndexOfAnyExcept((byte)0));
        Assert.Equal(32 * MiB, balloon.InflatedBytes);
        Assert.Equal(portable ? 0 : 32 * MiB, OperatingSystem.IsLinux() ? balloon.Counters.DiscardedBytes : 0);
    }

    [Fact]
    public void Ballooned_memory_is_no_longer_resident()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux takes pages back at once.");
        using MappedMemory ram = new(256 * MiB);
        ram.Pieces[0].Span.Fill(1);
        BalloonDevice balloon = new([new(Start, ram)]);
        (GuestDriver driver, _, _) = GuestDriver.Attach(balloon, memory: new(new GuestRegion(Start, ram.Pieces[0])));
        driver.Start();
        long before = Resident();
        driver.Queues[4].Add([new DriverSegment(Start + (64 * MiB), 192 * MiB, IsWritable: true)]);
        driver.Queues[4].Kick();
        Drain(driver.Queues[4]);
        Assert.InRange(before - Resident(), 160 * MiB, 224 * MiB);
        Assert.Equal(192 * MiB, balloon.Counters.DiscardedBytes);
    }

    [Fact]
    public void Unplugged_memory_is_no_longer_resident_and_zero_when_it_is_plugged_again()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux takes pages back at once.");
        const ulong Region = 0x1_0000_0000;
        using MappedMemory memory = new(256 * MiB);
        MemDevice device = new(new DiscardingMemBackend(memory), new()
        {
            Address = Region,
            RegionBytes = 256 * MiB,
            RequestedBytes = 256 * MiB,
        });
        (GuestDriver driver, _, _) = GuestDriver.Attach(
            device, memory: new(new GuestRegion(Start, new byte[MiB]), new GuestRegion(Region, memory.Pieces[0])));
        DriverQueue queue = driver.Start()!;
        Send(type: 0, blocks: 128);
        memory.Pieces[0].Span.Fill(1);
        long before = Resident();
        Send(type: 1, blocks: 128);
        Assert.InRange(before - Resident(), 224 * MiB, 288 * MiB);
        Send(type: 0, blocks: 1);
        Assert.Equal(-1, memory.Pieces[0].Span[..(2 * MiB)].IndexOfAnyExcept((byte)0));

        void Send(ushort type, ushort blocks)
        {
            byte[] request = new byte[24];
            BinaryPrimitives.WriteUInt16LittleEndian(request, type);
            BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), Region);
            BinaryPrimitives.WriteUInt16LittleEndian(request.AsSpan(16), blocks);
            queue.Submit([request], [10]);
            Assert.Equal(new byte[10], Assert.Single(queue.Reap()).Written);
        }
    }

    private static long Resident() => Environment.WorkingSet;

    private static void Drain(DriverQueue queue)
    {
        // A buffer of many page numbers goes on on another thread.
        while (!queue.TryReap(out _))
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            Thread.Yield();
        }
    }
}
