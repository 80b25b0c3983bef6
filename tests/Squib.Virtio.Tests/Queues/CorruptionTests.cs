using System.Globalization;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>A thread of the guest writes over rings, descriptors and buffers while the device works.</summary>
public sealed class CorruptionTests(ITestOutputHelper output)
{
    public static TheoryData<RingFormat, DeviceScheduling, bool, bool> Rings
    {
        get
        {
            TheoryData<RingFormat, DeviceScheduling, bool, bool> data = [];
            foreach (RingFormat format in Enum.GetValues<RingFormat>())
            {
                foreach (DeviceScheduling scheduling in Enum.GetValues<DeviceScheduling>())
                {
                    foreach (bool inOrder in new[] { false, true })
                    {
                        foreach (bool holding in new[] { false, true }) data.Add(format, scheduling, inOrder, holding);
                    }
                }
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Rings))]
    [Trait("Case", "Z13"), Trait("Case", "S06")]
    public async Task Random_bytes_in_the_rings_never_get_out_of_hand(
        RingFormat format, DeviceScheduling scheduling, bool inOrder, bool holding)
    {
        string? given = Environment.GetEnvironmentVariable("SQUIB_SEED");
        int seed = given is null ? Random.Shared.Next() : int.Parse(given, CultureInfo.InvariantCulture);
        output.WriteLine($"SQUIB_SEED={seed}");
        IVirtioDevice device = holding ? new HoldingDevice(8, 8) : new FillDevice(8, 8);
        using Bench bench = new(format, device: device, options: new() { InOrder = inOrder, Scheduling = scheduling });
        using CancellationTokenSource end = new();
        Random corruption = new(seed);
        Task corruptor = Vcpu.Repeat(() => CorruptOnce(bench, corruption), end.Token);
        Task completer = holding ? Vcpu.Repeat(((HoldingDevice)device).CompleteAll, end.Token) : Task.CompletedTask;
        Random random = new(seed + 1);
        int broken = 0;
        int harmed = 0;
        try
        {
            for (int round = 0; round < LongRun.Rounds(60, 20_000); round++)
            {
                Drive(bench, random);
                if (bench.NeedsReset) broken++;
                if (bench.NeedsReset || HasDropped(bench)) harmed++;
                bench.Driver.WriteRegister(MmioRegister.Status, 0);
                Assert.True(SpinWait.SpinUntil(() => bench.Driver.Status == 0, 20_000), $"Round {round}: the reset does not end.");
                bench.StartAnyhow();
            }
        }
        finally
        {
            await end.CancelAsync();
            await corruptor;
            await completer;
            bench.Driver.WriteRegister(MmioRegister.Status, 0);
        }

        (device as HoldingDevice)?.CompleteAll();
        Assert.True(SpinWait.SpinUntil(() => bench.Driver.Status == 0, 20_000));
        output.WriteLine($"{broken} rounds broke a ring.");
        if (scheduling == DeviceScheduling.Pooled) return;
        // A packed ring whose chains come back at once is hardly ever broken: chains are dropped, or wait.
        Assert.True(harmed > 0, "The corruption had no effect.");
        bench.Start();
        if (!holding) bench.AssertHealthy();
    }

    private static bool HasDropped(Bench bench) => bench.Transport.Session is { } session
        && session.Queues.Any(queue => Enum.GetValues<ChainFault>().Any(fault => queue.Dropped(fault) > 0));

    /// <summary>Sends requests until a ring breaks.</summary>
    private static void Drive(Bench bench, Random random)
    {
        Raw[] chain = [Raw.In(Bench.Buffer(0), 16), Raw.Out(Bench.Buffer(1), 64)];
        for (int i = 0; i < 200 && !bench.NeedsReset; i++)
        {
            RawRing ring = random.Next(2) == 0 ? bench.Ring : bench.Second;
            if (bench.Format.IsIndirect()) ring.PostIndirect(Bench.Table(random.Next(4)), chain);
            else ring.Post(chain);
            if (random.Next(8) == 0) CorruptOnce(bench, random);
            ring.Kick();
            bench.Driver.WriteRegister(MmioRegister.InterruptAck, 3);
            if (i % 16 == 0) Thread.Yield();
        }
    }

    private static void CorruptOnce(Bench bench, Random random)
    {
        RawRing ring = random.Next(2) == 0 ? bench.Ring : bench.Second;
        (ulong address, int length) = random.Next(5) switch
        {
            0 => (ring.Descriptors, 128),
            1 => (ring.DriverArea, 24),
            2 => (ring.DeviceArea, 80),
            3 => (Bench.Table(random.Next(4)), 64),
            _ => (Bench.Buffer(0), 256),
        };
        ulong at = address + (ulong)(2 * random.Next(length / 2));
        // Values that a ring could hold are more dangerous than arbitrary ones.
        ushort value = random.Next(4) switch
        {
            0 => (ushort)random.Next(0x10000),
            1 => (ushort)random.Next(16),
            2 => (ushort)(ring.Load16(at) + random.Next(-2, 3)),
            _ => (ushort)((random.Next(2) * Raw.Avail) | (random.Next(2) * Raw.Used) | random.Next(8)),
        };
        ring.Store16(at, value);
    }
}
