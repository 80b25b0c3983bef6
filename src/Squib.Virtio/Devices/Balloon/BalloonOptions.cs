namespace Squib.Virtio.Devices.Balloon;

/// <summary>What a balloon offers.</summary>
public sealed record BalloonOptions
{
    /// <summary>How much memory the guest is asked for at first, in bytes, a multiple of 4096.</summary>
    public long TargetBytes { get; init; }

    /// <summary>
    /// Whether to ask the driver to tell before it uses a page of the balloon again (MUST_TELL_HOST). A driver that
    /// does not accept that is served all the same: pages come back by being touched.
    /// </summary>
    public bool MustTellHost { get; init; } = true;

    /// <summary>Whether the driver may take pages back by itself when the guest runs out of memory.</summary>
    public bool DeflateOnOutOfMemory { get; init; } = true;

    /// <summary>Whether to offer statistics.</summary>
    public bool Statistics { get; init; } = true;

    /// <summary>How often to ask for statistics; zero, the default, for never. It can be changed later.</summary>
    public TimeSpan StatisticsInterval { get; init; }

    /// <summary>Whether to offer hints at free pages.</summary>
    public bool FreePageHints { get; init; } = true;

    /// <summary>
    /// Whether to discard the pages that a driver hints at. Linux gives such pages to others when memory is short,
    /// and does not wait for the device then: discarding is safe only while the device works on the vCPU's thread.
    /// </summary>
    public bool DiscardHintedPages { get; init; }

    /// <summary>Whether to offer PAGE_POISON.</summary>
    public bool PagePoison { get; init; } = true;

    /// <summary>Whether to offer reports of free pages, which are discarded.</summary>
    public bool FreePageReporting { get; init; } = true;

    /// <summary>The largest size of each queue.</summary>
    public ushort QueueSize { get; init; } = 128;

    /// <summary>What the interval of statistics and their times follow.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal ulong Features =>
        (MustTellHost ? BalloonFeature.MustTellHost : 0)
        | (Statistics ? BalloonFeature.Statistics : 0)
        | (DeflateOnOutOfMemory ? BalloonFeature.DeflateOnOutOfMemory : 0)
        | (FreePageHints ? BalloonFeature.FreePageHint : 0)
        | (PagePoison ? BalloonFeature.PagePoison : 0)
        | (FreePageReporting ? BalloonFeature.PageReporting : 0);

    /// <summary>Refuses what cannot be offered.</summary>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfZero(QueueSize);
        ArgumentNullException.ThrowIfNull(Time);
        BalloonStatisticsQueue.CheckInterval(StatisticsInterval, nameof(StatisticsInterval));
        if (StatisticsInterval > TimeSpan.Zero && !Statistics)
            throw new ArgumentException("An interval of statistics needs the statistics.", nameof(StatisticsInterval));
    }
}
