using System.Buffers.Binary;
using System.Diagnostics;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices.Block;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Several vCPUs, backends and hosts at once, on real threads, for about a second each.</summary>
public sealed class StressTests
{
    private static TimeSpan Duration => TimeSpan.FromSeconds(LongRun.Rounds(1, 60));

    [Theory, InlineData(DeviceScheduling.Inline), InlineData(DeviceScheduling.Pooled)]
    [Trait("Case", "Z14"), Trait("Case", "S01"), Trait("Case", "T32")]
    public async Task One_vCPU_resets_while_another_kicks_and_the_backend_completes(DeviceScheduling scheduling)
    {
        FaultyBlockBackend disk = new(65_536, FaultPlan.FromSeed(1, 70, HostFault.Late, HostFault.IoError));
        Pattern(65_536).CopyTo(disk.Bytes);
        BlockGuest guest = new(disk, new() { QueueCount = 2, QueueSize = 16 }, new() { Scheduling = scheduling });
        using CancellationTokenSource end = new();
        Random second = new(2);
        Task kicks = Vcpu.Repeat(() => Disturb(guest.Driver, second), end.Token);
        Task completions = Vcpu.Repeat(() => disk.Waiting.CompleteAll(), end.Token);
        long started = Stopwatch.GetTimestamp();
        int rounds = 0;
        try
        {
            for (; Stopwatch.GetElapsedTime(started) < Duration; rounds++)
            {
                // A driver that begins anew, also with the memory that the one before it has left behind.
                GuestDriver driver = new(guest.Transport, guest.Driver.Memory);
                driver.Start();
                for (int i = 0; i < 6; i++) driver.Queues[i % 2].Submit([Header(In, (ulong)i)], [512, 1]);
                if (rounds % 4 == 0) ResetQueue(driver, rounds / 4 % 2);
                if (rounds % 3 == 0) Thread.Yield();
                driver.Reset();
                Assert.Equal(DeviceStatus.None, driver.Status);
            }
        }
        finally
        {
            await end.CancelAsync();
            await kicks;
            await completions;
            disk.Waiting.CompleteAll();
        }

        Assert.NotEqual(0, rounds);
        Assert.Equal(0, disk.OutOfRange);
        guest.Driver.Reset();
        guest.Driver.Start();
        guest.Submit(In, 0, writable: [512]);
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                disk.Waiting.CompleteAll();
                return guest.ReapAll().Count == 1;
            },
            20_000));
    }

    [Theory, InlineData(RingFormat.Split), InlineData(RingFormat.Packed)]
    public void Threads_that_complete_at_once_lose_nothing_while_the_queue_is_stopped_and_started(RingFormat format)
    {
        HoldingDevice device = new(64, 8);
        using Bench bench = new(format, size: 64, device: device);
        long started = Stopwatch.GetTimestamp();
        for (int round = 0; Stopwatch.GetElapsedTime(started) < Duration; round++)
        {
            for (int i = 0; i < 64; i++) bench.Offer(Raw.Out(Bench.R0 + 0x20_0000 + (ulong)(64 * i), 8));
            bench.Ring.Kick();
            // The loop may still be on its way on a thread that returned a chain: then it is that thread that takes these.
            List<(Virtqueue Queue, DescriptorChain Chain)> held = [];
            Assert.True(
                SpinWait.SpinUntil(
                    () =>
                    {
                        held.AddRange(device.TakeHeld());
                        return held.Count == 64;
                    },
                    20_000),
                $"Round {round}: {held.Count} of 64 were taken.");
            bool stops = round % 2 == 0;
            Parallel.For(0, 4, new() { MaxDegreeOfParallelism = 4 }, part =>
            {
                for (int i = part * 16; i < (part + 1) * 16; i++)
                {
                    if (stops && i == 40)
                    {
                        bench.Driver.WriteRegister(MmioRegister.QueueSel, 0);
                        bench.Driver.WriteRegister(MmioRegister.QueueReset, 1);
                    }

                    held[i].Queue.Return(held[i].Chain);
                }
            });
            if (stops)
            {
                Assert.True(
                    SpinWait.SpinUntil(() => bench.Driver.ReadRegister(MmioRegister.QueueReady) == 0, 20_000),
                    $"Round {round}: the queue does not stop.");
                Assert.Equal(0u, bench.Driver.ReadRegister(MmioRegister.QueueReset));
                bench.Ring.Clear();
                bench.Ring.Enable();
                continue;
            }

            int used = 0;
            Assert.True(
                SpinWait.SpinUntil(
                    () =>
                    {
                        while (bench.Ring.TryTakeUsed(out _, out _)) used++;
                        return used == 64;
                    },
                    20_000),
                $"Round {round}: {used} of 64 came back.");
        }
    }

    [Fact]
    public async Task A_configuration_that_changes_is_never_read_half_old_and_half_new()
    {
        ConfigSpace config = new(new byte[16]);
        FillDevice device = new(8) { Config = config };
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        using CancellationTokenSource end = new();
        ulong value = 0;
        byte[] bytes = new byte[16];
        Task updates = Vcpu.Repeat(
            () =>
            {
                BinaryPrimitives.WriteUInt64LittleEndian(bytes, ++value * 0x1_0000_0001);
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), value * 0x1_0000_0001);
                config.Update(0, bytes);
            },
            end.Token);
        long started = Stopwatch.GetTimestamp();
        HashSet<uint> seen = [];
        while (Stopwatch.GetElapsedTime(started) < Duration / 2)
        {
            byte[] read = driver.ReadConfig(0, 16);
            uint first = BinaryPrimitives.ReadUInt32LittleEndian(read);
            for (int i = 4; i < 16; i += 4) Assert.Equal(first, BinaryPrimitives.ReadUInt32LittleEndian(read.AsSpan(i)));
            seen.Add(first);
        }

        await end.CancelAsync();
        await updates;
        Assert.True(seen.Count > 10, "The configuration hardly changed.");
    }

    /// <summary>What a second vCPU does to the registers, but for those by which the first one sets queues up.</summary>
    private static void Disturb(GuestDriver driver, Random random)
    {
        switch (random.Next(6))
        {
            case 0: driver.WriteRegister(MmioRegister.QueueNotify, (uint)random.Next(4)); break;
            case 1: driver.WriteRegister(MmioRegister.InterruptAck, 3); break;
            case 2: driver.WriteConfig(32, (byte)random.Next(2)); break;
            case 3: driver.ReadRegister(MmioRegister.Status); break;
            case 4: driver.ReadConfig(0, 8); break;
            default: driver.ReadRegister(MmioRegister.InterruptStatus); break;
        }
    }

    private static void ResetQueue(GuestDriver driver, int queue)
    {
        driver.WriteRegister(MmioRegister.QueueSel, (uint)queue);
        driver.WriteRegister(MmioRegister.QueueReset, 1);
        Assert.True(SpinWait.SpinUntil(() => driver.ReadRegister(MmioRegister.QueueReset) == 0, 20_000), "The queue does not stop.");
        driver.SetUpQueue(queue, 16);
    }
}
