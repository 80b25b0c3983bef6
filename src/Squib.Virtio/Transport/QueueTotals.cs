using Squib.Virtio.Queues;

namespace Squib.Virtio.Transport;

/// <summary>What a queue of a device has counted in all its sessions.</summary>
/// <param name="ChainsTaken">Chains that were taken.</param>
/// <param name="Notifications">Notifications of drivers.</param>
/// <param name="InvalidNotifications">Those with data that no position in the ring can have.</param>
internal readonly record struct QueueTotals(long ChainsTaken, long Notifications, long InvalidNotifications)
{
    internal QueueTotals Plus(Virtqueue queue) => new(
        ChainsTaken + queue.ChainsTaken,
        Notifications + queue.Notifications,
        InvalidNotifications + queue.InvalidNotifications);
}
