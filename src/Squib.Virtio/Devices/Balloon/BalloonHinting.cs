namespace Squib.Virtio.Devices.Balloon;

/// <summary>How far a round of hints at free pages is (virtio 1.2, 5.5.6.5).</summary>
public enum BalloonHinting
{
    /// <summary>No round was asked for, or the one that was is stopped.</summary>
    Stopped,

    /// <summary>The driver sends hints, or will.</summary>
    Running,

    /// <summary>
    /// The driver has sent all its hints, and keeps the pages free until it is told that they are no longer needed.
    /// </summary>
    Complete,

    /// <summary>The driver was told that the hints are no longer needed.</summary>
    Done,
}
