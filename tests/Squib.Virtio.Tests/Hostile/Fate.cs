namespace Squib.Virtio.Tests.Hostile;

/// <summary>What becomes of what a hostile driver puts into a ring; the same for all devices.</summary>
public enum Fate
{
    /// <summary>The chain goes back unserved with length 0, is counted under its reason, and the next one is served.</summary>
    Dropped,

    /// <summary>The ring is given up: nothing goes back, and the device asks for a reset.</summary>
    Broken,

    /// <summary>The ring is well-formed: the device makes of it what it can, and may keep it.</summary>
    Taken,

    /// <summary>There is nothing to take.</summary>
    Invisible,

    /// <summary>Timing decides between being served, dropped and breaking the ring.</summary>
    Any,
}
