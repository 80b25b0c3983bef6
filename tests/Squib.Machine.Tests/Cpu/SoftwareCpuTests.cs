using Squib.Machine.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Cpu;

public sealed unsafe class SoftwareCpuTests : IDisposable
{
    private readonly CpuRig rig = new();

    public void Dispose() => rig.Dispose();

    [Fact]
    public void It_starts_as_the_boot_protocol_asks()
    {
        rig.Run(A64.Movz(5, 5), A64.MovToSp(5));
        rig.Load(
            CpuRig.Code, A64.Mrs(3, 0, 4, 2, 2, 1), A64.Mrs(3, 3, 4, 2, 1, 2), A64.Mrs(3, 0, 1, 0, 0, 3), CpuRig.Hvc);
        rig.Cpu.Start(CpuRig.Code, 0x1234);
        rig.Cpu.Run();
        Assert.Equal((0x1234ul, 4ul, 0x3c0ul, 0ul), (rig[0], rig[1], rig[2], rig[5]));
        Assert.Equal(0ul, rig[3] & 5);
    }

    [Fact]
    public void A_stop_inside_a_hypercall_ends_the_run_behind_it()
    {
        rig.Run(A64.Movz(0, 1));
        Assert.Equal((1, CpuRig.Code + 8), (rig.Exits.Hypercalls, rig.NextPc));
    }

    [Fact]
    public void A_stop_from_another_thread_ends_the_run()
    {
        rig.Load(CpuRig.Code, A64.B(0));
        int polls = 0;
        using var running = new ManualResetEventSlim();
        rig.Exits.OnPoll = () =>
        {
            if (++polls == 2) running.Set();
        };
        var thread = new Thread(() => rig.RunFrom(CpuRig.Code));
        thread.Start();
        running.Wait(TestContext.Current.CancellationToken);
        rig.Cpu.Stop();
        thread.Join();
        Assert.Equal(CpuRig.Code, rig.NextPc);
    }

    [Fact]
    public void A_stop_before_the_run_keeps_it_from_running()
    {
        rig.Load(CpuRig.Code, A64.Movz(0, 1), CpuRig.Hvc);
        rig.Cpu.Stop();
        rig.RunFrom(CpuRig.Code);
        Assert.Equal((0ul, CpuRig.Code), (rig[0], rig.NextPc));
        rig.RunFrom(CpuRig.Code);
        Assert.Equal(1ul, rig[0]);
    }

    [Fact]
    public void WFI_waits_for_an_interrupt_even_a_masked_one()
    {
        int polls = 0;
        using var waiting = new ManualResetEventSlim();
        rig.Exits.OnPoll = () =>
        {
            polls++;
            waiting.Set();
        };
        rig.Load(CpuRig.Code, A64.Wfi, A64.Movz(0, 1), CpuRig.Hvc);
        var thread = new Thread(() => rig.RunFrom(CpuRig.Code));
        thread.Start();
        waiting.Wait(TestContext.Current.CancellationToken);
        rig.Cpu.SetIrq(true);
        thread.Join();
        Assert.Equal((1ul, CpuRig.Code + 12), (rig[0], rig.NextPc));
        Assert.InRange(polls, 2, 4);
    }

    [Fact]
    public void WFI_takes_the_interrupt_that_ends_it()
    {
        rig.Exits.TimeToTimer = TimeSpan.FromMilliseconds(1);
        int polls = 0;
        rig.Exits.OnPoll = () => rig.Cpu.SetIrq(++polls >= 2);
        rig.Run(A64.DaifClear(2), A64.Wfi, A64.Movz(0, 1));
        Assert.Equal((0x280ul, CpuRig.Code + 8, 0ul), (rig.Vector, rig.State->System.ElrEl1, rig[0]));
    }

    [Fact]
    public void WFI_does_not_wait_when_an_interrupt_is_pending()
    {
        rig.Cpu.SetIrq(true);
        rig.Run(A64.Wfi, A64.Movz(0, 1));
        Assert.Equal(1ul, rig[0]);
    }

    [Fact]
    public void A_stop_ends_WFI()
    {
        rig.Exits.OnPoll = rig.Cpu.Stop;
        rig.Run(A64.Wfi, A64.Movz(0, 1));
        Assert.Equal((0ul, CpuRig.Code + 4), (rig[0], rig.NextPc));
    }

    [Fact]
    public void Instructions_are_counted()
    {
        rig[0] = 1_000_000;
        rig.Run(A64.SubsImmediate(0, 0, 1), A64.BCond(1, -1));
        Assert.InRange(rig.Cpu.Instructions, 2_000_000, 2_003_000);
    }

    [Fact]
    public void Undefined_instructions_are_reported_only_a_few_times()
    {
        var logger = new CountingLogger();
        var exits = new RecordingExits();
        using var cpu = new SoftwareCpu(rig.Memory, rig.Bus, exits, logger);
        exits.Cpu = cpu;

        // The vector returns behind the instruction, a hundred times.
        rig.Load(CpuRig.Code, A64.Movz(0, 100), A64.Udf, A64.SubsImmediate(0, 0, 1), A64.BCond(1, -2), CpuRig.Hvc);
        rig.Load(
            CpuRig.Vectors + 0x200,
            A64.Mrs(3, 0, 4, 0, 1, 9),
            A64.AddImmediate(9, 9, 4),
            A64.Msr(3, 0, 4, 0, 1, 9),
            A64.Eret);
        cpu.Start(CpuRig.Code, 0);
        cpu.State->System.VbarEl1 = CpuRig.Vectors;
        cpu.Run();
        Assert.Equal(0ul, cpu.State->X[0]);
        Assert.InRange(logger.Count, 1, 20);
    }

    [Fact]
    public void A_disposed_CPU_does_not_run()
    {
        using var other = new CpuRig();
        other.Cpu.Dispose();
        Assert.Throws<ObjectDisposedException>(other.Cpu.Run);
    }
}
