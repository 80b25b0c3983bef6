namespace Squib.Virtio.Tests.Devices.Console;

/// <summary>A clock that goes on when the test says so.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => now;

    internal void Advance(TimeSpan by) => now += by.Ticks;
}
