namespace Squib.Machine.Tests.Devices;

/// <summary>Time that passes when a test says so.</summary>
public sealed class ManualTime(long frequency = 1_000_000_000) : TimeProvider
{
    private long now = 1234;

    public override long TimestampFrequency => frequency;

    public override long GetTimestamp() => now;

    public void Advance(long stamps) => now += stamps;
}
