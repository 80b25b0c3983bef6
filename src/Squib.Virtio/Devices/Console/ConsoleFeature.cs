namespace Squib.Virtio.Devices.Console;

/// <summary>The feature bits of console devices (virtio 1.2, 5.3.3).</summary>
public static class ConsoleFeature
{
    /// <summary>Bit 0: the size of the window is in cols and rows.</summary>
    public const ulong Size = 1UL << 0;

    /// <summary>Bit 1: several ports, and messages about them.</summary>
    public const ulong MultiPort = 1UL << 1;

    /// <summary>Bit 2: single characters can be written to emerg_wr before there are queues.</summary>
    public const ulong EmergencyWrite = 1UL << 2;
}
