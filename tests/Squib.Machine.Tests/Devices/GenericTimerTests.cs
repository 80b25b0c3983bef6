using Squib.Machine.Devices;
using Xunit;

namespace Squib.Machine.Tests.Devices;

public sealed class GenericTimerTests
{
    private const long NanosecondsPerTick = 16;

    private readonly ManualTime time = new();
    private readonly GicDriver gic = new();
    private readonly GenericTimer timer;

    public GenericTimerTests()
    {
        timer = new GenericTimer(gic.Gic, time);
        gic.Enable(MemoryMap.VirtualTimerInterrupt);
        gic.Enable(MemoryMap.PhysicalTimerInterrupt);
    }

    [Theory]
    [InlineData(1_000_000_000, 1_600, 100)]
    [InlineData(10_000_000, 16, 100)]
    [InlineData(62_500_000, 100, 100)]
    [InlineData(1_000_000_000, 3_600_000_000_000, 225_000_000_000)]
    public void The_counter_runs_at_62_5_MHz_from_zero_whatever_the_host_counts(
        long frequency, long stamps, ulong ticks)
    {
        ManualTime clock = new(frequency);
        GenericTimer counter = new(gic.Gic, clock);
        Assert.Equal(0ul, counter.Count);
        clock.Advance(stamps);
        Assert.Equal(ticks, counter.Count);
    }

    [Fact]
    public void Both_counters_and_the_frequency_are_registers()
    {
        Advance(77);
        Assert.Equal(77ul, Read(TimerRegister.VirtualCount));
        Assert.Equal(77ul, Read(TimerRegister.PhysicalCount));
        Assert.Equal(62_500_000ul, Read(TimerRegister.Frequency));
        Assert.False(timer.TryWrite(TimerRegister.VirtualCount, 0));
    }

    [Fact]
    public void The_virtual_timer_interrupts_when_its_time_has_come_and_until_it_is_moved()
    {
        Write(TimerRegister.VirtualCompare, 1000);
        Write(TimerRegister.VirtualControl, 1);
        Advance(999);
        timer.Poll();
        Assert.False(gic.Irq);
        Assert.Equal(1ul, Read(TimerRegister.VirtualControl));
        Advance(1);
        timer.Poll();
        Assert.True(gic.Irq);
        Assert.Equal(5ul, Read(TimerRegister.VirtualControl));
        Assert.Equal(MemoryMap.VirtualTimerInterrupt, gic.Acknowledge());
        Write(TimerRegister.VirtualCompare, 2000);
        gic.End(MemoryMap.VirtualTimerInterrupt);
        Assert.False(gic.Irq);
    }

    [Fact]
    public void A_timer_that_is_not_moved_interrupts_again()
    {
        Write(TimerRegister.VirtualControl, 1);
        Assert.Equal(MemoryMap.VirtualTimerInterrupt, gic.Acknowledge());
        gic.End(MemoryMap.VirtualTimerInterrupt);
        Assert.True(gic.Irq);
    }

    [Fact]
    public void A_masked_timer_shows_its_condition_and_keeps_quiet()
    {
        Write(TimerRegister.VirtualControl, 3);
        Assert.Equal(7ul, Read(TimerRegister.VirtualControl));
        Assert.False(gic.Irq);
        Assert.Equal(Timeout.InfiniteTimeSpan, timer.TimeToTimer);
        Write(TimerRegister.VirtualControl, 1);
        Assert.True(gic.Irq);
        Write(TimerRegister.VirtualControl, 0);
        Assert.False(gic.Irq);
        Assert.Equal(0ul, Read(TimerRegister.VirtualControl));
    }

    [Fact]
    public void The_physical_timer_has_an_interrupt_of_its_own()
    {
        Write(TimerRegister.PhysicalValue, 10);
        Write(TimerRegister.PhysicalControl, 1);
        Advance(10);
        timer.Poll();
        Assert.Equal(MemoryMap.PhysicalTimerInterrupt, gic.Acknowledge());
    }

    [Fact]
    public void The_timer_value_counts_down_with_a_sign()
    {
        Advance(500);
        Write(TimerRegister.VirtualValue, 100);
        Assert.Equal(600ul, Read(TimerRegister.VirtualCompare));
        Advance(99);
        Assert.Equal(1ul, Read(TimerRegister.VirtualValue));
        Advance(2);
        Assert.Equal(0xFFFF_FFFFul, Read(TimerRegister.VirtualValue));
        Write(TimerRegister.VirtualValue, 0xFFFF_FFFE);
        Assert.Equal(599ul, Read(TimerRegister.VirtualCompare));
    }

    [Fact]
    public void A_wait_lasts_until_the_first_armed_timer()
    {
        Assert.Equal(Timeout.InfiniteTimeSpan, timer.TimeToTimer);
        Write(TimerRegister.VirtualCompare, 62_500);
        Write(TimerRegister.VirtualControl, 1);
        Assert.Equal(TimeSpan.FromMilliseconds(1), timer.TimeToTimer);
        Write(TimerRegister.PhysicalCompare, 6_250);
        Write(TimerRegister.PhysicalControl, 1);
        Assert.Equal(TimeSpan.FromMilliseconds(0.1), timer.TimeToTimer);
        Advance(6_250);
        Assert.Equal(TimeSpan.Zero, timer.TimeToTimer);
        timer.Poll();
        Assert.Equal(TimeSpan.FromMilliseconds(0.9), timer.TimeToTimer);
    }

    [Fact]
    public void A_wait_is_rounded_up_so_that_it_does_not_end_too_early()
    {
        Write(TimerRegister.VirtualCompare, 1);
        Write(TimerRegister.VirtualControl, 1);
        Assert.Equal(1, timer.TimeToTimer.Ticks);
    }

    [Fact]
    public void A_compare_value_at_the_end_of_time_is_never_reached()
    {
        Write(TimerRegister.VirtualCompare, ulong.MaxValue - 1);
        Write(TimerRegister.VirtualControl, 1);
        Advance(1_000_000);
        timer.Poll();
        Assert.False(gic.Irq);
        Assert.Equal(TimeSpan.FromHours(1), timer.TimeToTimer);
    }

    [Fact]
    public void The_kernels_control_register_keeps_what_is_written()
    {
        Write(TimerRegister.KernelControl, 0x2A7);
        Assert.Equal(0x2A7ul, Read(TimerRegister.KernelControl));
    }

    private void Advance(long ticks) => time.Advance(ticks * NanosecondsPerTick);

    private ulong Read(uint register)
    {
        Assert.True(timer.TryRead(register, out ulong value));
        return value;
    }

    private void Write(uint register, ulong value) => Assert.True(timer.TryWrite(register, value));
}
