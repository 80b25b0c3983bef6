using System.Buffers.Binary;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.BootTimer;

/// <summary>Tells the guest how long it has been running: microseconds since its kernel got control.</summary>
/// <remarks>
/// A virtio device without queues and without a driver: a program reads the 32 bits at offset 0x100 of its registers.
/// An access of another width or at another offset reads zero, and what is written is ignored.
/// </remarks>
public sealed class BootTimerDevice : IVirtioDevice
{
    private const int ConfigBytes = sizeof(uint);

    private readonly TimeProvider time;
    private long startedAt;
    private volatile bool started;

    /// <summary>Makes a timer that stands at 0 until it is started.</summary>
    /// <param name="time">The clock, of which the time stamps count.</param>
    public BootTimerDevice(TimeProvider? time = null)
    {
        this.time = time ?? TimeProvider.System;
        Config.AnswerReads(0, ConfigBytes, bytes => BinaryPrimitives.WriteUInt32LittleEndian(bytes, Microseconds));
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.BootTimer;

    /// <inheritdoc/>
    public ulong Features => 0;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; } = [];

    /// <inheritdoc/>
    public ConfigSpace Config { get; } = new(new byte[ConfigBytes]);

    /// <summary>
    /// The time since the kernel got control in microseconds, 0 before, and 2^32 - 1 from 71 minutes on.
    /// </summary>
    public uint Microseconds
    {
        get
        {
            if (!started) return 0;
            double elapsed = time.GetElapsedTime(Volatile.Read(ref startedAt)).TotalMicroseconds;
            return (uint)Math.Clamp(elapsed, 0, uint.MaxValue);
        }
    }

    /// <summary>The kernel gets control now. Any thread may call it; a later call begins anew.</summary>
    public void Start()
    {
        Volatile.Write(ref startedAt, time.GetTimestamp());
        started = true;
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        // A driver that says DRIVER_OK all the same has a device that does nothing until it is reset.
        await Task.Delay(Timeout.Infinite, reset).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
