using Squib.Virtio.Limits;
using Squib.Virtio.Tests.Devices;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Limits;

/// <summary>Every device keeps to its limiter, and can be reset, freed and disposed of while it waits.</summary>
public sealed class DeviceLimitTests
{
    private readonly ManualTime time = new();

    public static TheoryData<LimitedCase> AllWays => [.. Enum.GetValues<LimitedCase>()];

    public static TheoryData<LimitedCase> WaysOfBytes => [.. Enum.GetValues<LimitedCase>().Where(way => way != LimitedCase.PmemFlush)];

    [Theory]
    [MemberData(nameof(WaysOfBytes))]
    public void Ten_seconds_move_as_many_bytes_as_the_limit_says_within_5_percent(LimitedCase way)
    {
        LimitedRig rig = LimitedRig.Create(way, new(new() { BytesPerSecond = 500_000 }, time));
        rig.Load.Run(time, 10);
        Assert.InRange(rig.Moved().Bytes, 4_750_000, 5_250_000);
    }

    [Theory]
    [MemberData(nameof(AllWays))]
    public void Ten_seconds_serve_as_many_requests_as_the_limit_says_within_5_percent(LimitedCase way)
    {
        LimitedRig rig = LimitedRig.Create(way, new(new() { OperationsPerSecond = 400 }, time));
        rig.Load.Run(time, 10);
        bool countsBuffers = way is LimitedCase.ConsoleInput or LimitedCase.ConsoleOutput;
        Assert.InRange(countsBuffers ? rig.Load.Answered : rig.Moved().Requests, 3800, 4200);
    }

    [Theory]
    [MemberData(nameof(AllWays))]
    public void A_limit_is_changed_while_the_device_runs(LimitedCase way)
    {
        RateLimiter limiter = new(new() { OperationsPerSecond = 100 }, time);
        LimitedRig rig = LimitedRig.Create(way, limiter);
        rig.Load.Run(time, 2);
        double slow = Measure(rig);
        limiter.Update(new() { OperationsPerSecond = 1000 });
        double fast = Measure(rig);
        limiter.Update(new() { OperationsPerSecond = 200 });
        double middle = Measure(rig);
        Assert.InRange(fast / slow, 9, 11.5);
        Assert.InRange(middle / slow, 1.8, 2.3);
    }

    [Theory]
    [MemberData(nameof(AllWays))]
    public void A_reset_while_requests_wait_is_done_at_once_and_leaves_no_timer(LimitedCase way)
    {
        LimitedRig rig = Throttle(way);
        rig.Driver.Reset();
        Assert.Equal(DeviceStatus.None, rig.Driver.Status);
        Assert.Equal(0, time.Armed);
        // The next driver has the same limit, not a new one.
        rig.Driver.Start();
        Assert.False(rig.Driver.Status.HasFlag(DeviceStatus.NeedsReset));
    }

    [Theory]
    [MemberData(nameof(AllWays))]
    public async Task A_device_is_disposed_of_while_requests_wait(LimitedCase way)
    {
        LimitedRig rig = Throttle(way);
        await rig.Transport.DisposeAsync();
        Assert.Equal(0, time.Armed);
    }

    [Theory]
    [MemberData(nameof(AllWays))]
    public void Without_its_limiter_a_device_serves_at_once_what_waits(LimitedCase way)
    {
        LimitedRig rig = Throttle(way);
        int before = rig.Load.Answered;
        rig.SetLimiter(null);
        Assert.Equal(0, time.Armed);
        for (int i = 0; i < 3; i++) rig.Load.Turn();
        Assert.InRange(rig.Load.Answered - before, 24, int.MaxValue);
    }

    /// <summary>Loads a device until it must wait for long.</summary>
    private LimitedRig Throttle(LimitedCase way)
    {
        // The burst is enough for a connection to be made.
        LimitedRig rig = LimitedRig.Create(way, new(new() { OperationsPerSecond = 1, BurstOperations = 4 }, time));
        for (int i = 0; i < 5; i++) rig.Load.Turn();
        Assert.Equal(1, time.Armed);
        Assert.InRange(rig.Load.Answered, 0, 4);
        return rig;
    }

    private double Measure(LimitedRig rig)
    {
        rig.Load.Turn();
        int before = rig.Load.Answered;
        rig.Load.Run(time, 2);
        rig.Load.Turn();
        return rig.Load.Answered - before;
    }
}
