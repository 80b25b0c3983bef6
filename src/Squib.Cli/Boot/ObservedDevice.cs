using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Cli.Boot;

/// <summary>
/// A virtio device whose queues are counted over all of its sessions: Linux resets its devices when it powers off.
/// </summary>
/// <param name="device">The device, which does all the work.</param>
internal sealed class ObservedDevice(IVirtioDevice device) : IVirtioDevice
{
    private readonly Lock gate = new();
    private DriverSession? current;
    private long notifications;
    private long requests;

    /// <summary>The device itself.</summary>
    public IVirtioDevice Inner => device;

    /// <inheritdoc/>
    public DeviceType Type => device.Type;

    /// <inheritdoc/>
    public ulong Features => device.Features;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes => device.QueueSizes;

    /// <inheritdoc/>
    public ConfigSpace Config => device.Config;

    /// <summary>
    /// What all sessions so far have seen: notifications of the driver, and requests taken from the queues.
    /// </summary>
    public (long Notifications, long Requests) Counts
    {
        get
        {
            lock (gate)
            {
                IReadOnlyList<Virtqueue> queues = current?.Queues ?? [];
                return (notifications + queues.Sum(queue => queue.Notifications),
                    requests + queues.Sum(queue => queue.ChainsTaken));
            }
        }
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        lock (gate) current = session;
        try
        {
            await device.RunAsync(session, reset);
        }
        finally
        {
            lock (gate)
            {
                (notifications, requests) = Counts;
                current = null;
            }
        }
    }

    /// <inheritdoc/>
    public bool Accepts(ulong features) => device.Accepts(features);

    /// <inheritdoc/>
    public SharedMemoryRegion? FindSharedMemory(uint id) => device.FindSharedMemory(id);
}
