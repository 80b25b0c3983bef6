using Microsoft.Extensions.Logging;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Diagnostics;

/// <summary>Every line that the library logs. Event ids are never used again.</summary>
/// <remarks>What a driver can cause is logged once per session at most, so that a guest cannot fill a disk.</remarks>
internal static partial class Log
{
    [LoggerMessage(100, LogLevel.Warning, "{Device}: ring {Queue} is broken ({Fault}); the device needs a reset.")]
    internal static partial void RingBroken(ILogger logger, DeviceType device, int queue, ChainFault fault);

    [LoggerMessage(101, LogLevel.Debug, "{Device}: features 0x{Features:x} refused; offered are 0x{Offered:x}.")]
    internal static partial void FeaturesRefused(ILogger logger, DeviceType device, ulong features, ulong offered);

    [LoggerMessage(102, LogLevel.Debug, "{Device}: queue {Queue} with {Size} entries cannot be enabled.")]
    internal static partial void QueueRefused(ILogger logger, DeviceType device, int queue, uint size);

    [LoggerMessage(103, LogLevel.Error, "{Device}: the device failed and needs a reset.")]
    internal static partial void DeviceFailed(ILogger logger, DeviceType device, Exception exception);

    [LoggerMessage(104, LogLevel.Warning, "{Device}: host I/O did not end within {Timeout} of a reset; the reset is pending.")]
    internal static partial void ResetWaits(ILogger logger, DeviceType device, TimeSpan timeout);
}
