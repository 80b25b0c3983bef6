using Microsoft.Extensions.Logging;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Diagnostics;

/// <summary>Every line that the library logs of one device. Event ids are never used again.</summary>
/// <remarks>
/// A guest can cause all of them, and again after each reset, so each kind of line has a budget: a guest must not fill a disk.
/// </remarks>
internal sealed partial class Log(ILogger logger, string device, TimeProvider time)
{
    private readonly LogBudget rings = new(time);
    private readonly LogBudget features = new(time);
    private readonly LogBudget queues = new(time);
    private readonly LogBudget failures = new(time);
    private readonly LogBudget resets = new(time);
    private readonly LogBudget hosts = new(time);

    /// <summary>The number of lines that were left out.</summary>
    internal long Suppressed => rings.Refused + features.Refused + queues.Refused + failures.Refused + resets.Refused + hosts.Refused;

    internal void RingBroken(int queue, ChainFault fault)
    {
        if (rings.TryTake()) RingBroken(logger, device, queue, fault);
    }

    internal void FeaturesRefused(ulong wanted, ulong offered)
    {
        if (features.TryTake()) FeaturesRefused(logger, device, wanted, offered);
    }

    internal void QueueRefused(int queue, uint size)
    {
        if (queues.TryTake()) QueueRefused(logger, device, queue, size);
    }

    internal void DeviceFailed(Exception exception)
    {
        if (failures.TryTake()) DeviceFailed(logger, device, exception);
    }

    internal void ResetWaits(TimeSpan timeout)
    {
        if (resets.TryTake()) ResetWaits(logger, device, timeout);
    }

    internal void HostFailed(string operation, Exception? exception)
    {
        if (hosts.TryTake()) HostFailed(logger, device, operation, exception);
    }

    [LoggerMessage(100, LogLevel.Warning, "{Device}: ring {Queue} is broken ({Fault}); the device needs a reset.")]
    private static partial void RingBroken(ILogger logger, string device, int queue, ChainFault fault);

    [LoggerMessage(101, LogLevel.Debug, "{Device}: features 0x{Features:x} refused; offered are 0x{Offered:x}.")]
    private static partial void FeaturesRefused(ILogger logger, string device, ulong features, ulong offered);

    [LoggerMessage(102, LogLevel.Debug, "{Device}: queue {Queue} with {Size} entries cannot be enabled.")]
    private static partial void QueueRefused(ILogger logger, string device, int queue, uint size);

    [LoggerMessage(103, LogLevel.Error, "{Device}: the device failed and needs a reset.")]
    private static partial void DeviceFailed(ILogger logger, string device, Exception exception);

    [LoggerMessage(104, LogLevel.Warning, "{Device}: host I/O did not end within {Timeout} of a reset; the reset is pending.")]
    private static partial void ResetWaits(ILogger logger, string device, TimeSpan timeout);

    [LoggerMessage(105, LogLevel.Warning, "{Device}: {Operation} failed on the host; the guest has been told and goes on.")]
    private static partial void HostFailed(ILogger logger, string device, string operation, Exception? exception);
}
