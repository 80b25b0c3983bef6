namespace Squib.Virtio.Diagnostics;

/// <summary>The instruments that count; their names are these words.</summary>
internal enum MeasureKind
{
    Requests,
    Bytes,
    Errors,
    DroppedChains,
    Chains,
    Notifications,
    Interrupts,
    Throttled,
    SuppressedLogs,
}
