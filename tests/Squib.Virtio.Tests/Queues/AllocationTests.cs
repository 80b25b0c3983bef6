using Squib.Virtio.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>Nothing is allocated for a chain, a kick or a register access once the queue has found its size.</summary>
[Collection(nameof(MeasuredAlone))]
public sealed class AllocationTests
{
    private const int Chains = 20_000;

    public static TheoryData<RingFormat, bool> Formats
    {
        get
        {
            TheoryData<RingFormat, bool> data = [];
            foreach (RingFormat format in Enum.GetValues<RingFormat>())
            {
                data.Add(format, false);
                data.Add(format, true);
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Formats))]
    [Trait("Case", "S01")]
    public void Chains_served_inline_allocate_nothing(RingFormat format, bool inOrder)
    {
        using Bench bench = new(format, size: 64, options: new() { InOrder = inOrder });
        AssertNoBytes(() => ServeBatches(bench, Chains / 16));
    }

    [Theory, MemberData(nameof(Formats))]
    public void Chains_that_outlive_their_batch_allocate_nothing(RingFormat format, bool inOrder)
    {
        DescriptorChain[] kept = new DescriptorChain[64];
        int count = 0;
        LoopDevice device = new((ref _, chain) => kept[count++] = chain, 64);
        using Bench bench = new(format, size: 64, device: device, options: new() { InOrder = inOrder });
        AssertNoBytes(() =>
        {
            for (int i = 0; i < Chains / 16; i++)
            {
                Post(bench, 16);
                bench.Ring.Kick();
                Virtqueue queue = bench.Queue;
                while (count > 0) queue.Return(kept[--count]);
                while (bench.Ring.TryTakeUsed(out _, out _))
                {
                }
            }
        });
    }

    [Theory, MemberData(nameof(Formats))]
    public void Malformed_chains_allocate_nothing(RingFormat format, bool inOrder)
    {
        using Bench bench = new(format, size: 64, options: new() { InOrder = inOrder });
        AssertNoBytes(() =>
        {
            for (int i = 0; i < Chains / 16; i++)
            {
                for (int j = 0; j < 16; j++) bench.Ring.Post(Raw.Out(0xdead_0000, 64));
                bench.Ring.Kick();
                while (bench.Ring.TryTakeUsed(out _, out _))
                {
                }
            }
        });
        Assert.Equal(2 * Chains, bench.Queue.Dropped(ChainFault.OutsideMemory));
    }

    [Theory]
    [InlineData(RingFormat.Split), InlineData(RingFormat.Packed), InlineData(RingFormat.SplitIndirect), InlineData(RingFormat.PackedIndirect)]
    public void Chains_served_on_the_thread_pool_allocate_nothing(RingFormat format)
    {
        using Bench bench = new(format, size: 64, options: new() { Scheduling = DeviceScheduling.Pooled });
        void Serve()
        {
            for (int i = 0; i < Chains / 16; i++)
            {
                Post(bench, 16);
                bench.Ring.Kick();
                SpinWait wait = default;
                int used = 0;
                while (used < 16)
                {
                    if (bench.Ring.TryTakeUsed(out _, out _)) used++;
                    else wait.SpinOnce(sleep1Threshold: -1);
                }
            }
        }

        Serve();
        Serve();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        Serve();
        long bytes = GC.GetTotalAllocatedBytes(precise: true) - before;
        // The pool itself allocates a little now and then, but nothing that grows with the number of chains.
        Assert.InRange(bytes, 0, Chains / 4);
    }

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Case", "S01")]
    public void Kicks_without_buffers_allocate_nothing(bool packed)
    {
        using Bench bench = new(packed ? RingFormat.Packed : RingFormat.Split);
        AssertNoBytes(() =>
        {
            for (int i = 0; i < LongRun.Rounds(200_000, 5_000_000); i++)
            {
                bench.Ring.Notify();
                bench.Second.Notify();
            }
        });
    }

    [Fact]
    public void Register_and_configuration_accesses_allocate_nothing()
    {
        using Bench bench = new(RingFormat.Split);
        AssertNoBytes(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                for (int register = 0; register < 0x110; register += 4) bench.Driver.ReadRegister(register);
                for (int register = 0x10; register < 0x110; register += 4)
                {
                    if (register is not MmioRegister.Status and not MmioRegister.QueueReady and not MmioRegister.QueueReset)
                        bench.Driver.WriteRegister(register, 0);
                }
            }
        });
        bench.AssertHealthy();
    }

    [Theory, InlineData(false), InlineData(true)]
    [Trait("Case", "Q16"), Trait("Case", "Q20")]
    public void What_a_chain_costs_is_bounded_by_its_descriptors_and_not_by_its_bytes(bool packed)
    {
        using Bench bench = new(packed ? RingFormat.Packed : RingFormat.Split, size: 1024);
        Raw[] chain = [.. Enumerable.Repeat(Raw.In(Bench.R0, Bench.R0Length), 1024)];
        long before = GC.GetAllocatedBytesForCurrentThread();
        bench.Ring.Post(chain);
        bench.Ring.Kick();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 24 * 3);
        bench.AssertFaults(ChainFault.TooManyBytes, 1);
    }

    private static void ServeBatches(Bench bench, int batches)
    {
        for (int i = 0; i < batches; i++)
        {
            Post(bench, 16);
            bench.Ring.Kick();
            while (bench.Ring.TryTakeUsed(out _, out _))
            {
            }
        }
    }

    private static void Post(Bench bench, int chains)
    {
        for (int i = 0; i < chains; i++)
        {
            ReadOnlySpan<Raw> chain = [Raw.In(Bench.Buffer(0), 16), Raw.Out(Bench.Buffer(1), 64), Raw.Out(Bench.Buffer(2), 1)];
            if (bench.Format.IsIndirect()) bench.Ring.PostIndirect(Bench.Table(i), chain);
            else bench.Ring.Post(chain);
        }
    }

    private static void AssertNoBytes(Action action)
    {
        action();
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
