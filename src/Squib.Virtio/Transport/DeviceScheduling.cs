namespace Squib.Virtio.Transport;

/// <summary>Where a device does its work after a notification.</summary>
public enum DeviceScheduling
{
    /// <summary>On the thread that writes QueueNotify: the request is served when the write returns, unless its backend waits.</summary>
    Inline,

    /// <summary>On the thread pool: the vCPU goes on at once.</summary>
    Pooled,
}
