namespace Squib.Virtio.Devices.Balloon;

/// <summary>The feature bits of memory balloons (virtio 1.2, 5.5.3).</summary>
public static class BalloonFeature
{
    /// <summary>Bit 0: the driver asks for pages back before it uses them.</summary>
    public const ulong MustTellHost = 1UL << 0;

    /// <summary>Bit 1: a queue for statistics.</summary>
    public const ulong Statistics = 1UL << 1;

    /// <summary>Bit 2: the driver may take pages back when the guest runs out of memory.</summary>
    public const ulong DeflateOnOutOfMemory = 1UL << 2;

    /// <summary>Bit 3: a queue for hints at free pages, which the device asks for.</summary>
    public const ulong FreePageHint = 1UL << 3;

    /// <summary>Bit 4: the driver says with what it fills free pages.</summary>
    public const ulong PagePoison = 1UL << 4;

    /// <summary>Bit 5: a queue for reports of free pages, which the driver sends on its own.</summary>
    public const ulong PageReporting = 1UL << 5;
}
