using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Console;

/// <summary>A place for a port: its pair of queues is there even while no port is.</summary>
internal sealed class ConsoleSlot(int id)
{
    private volatile ConsolePort? port;

    internal int Id { get; } = id;

    /// <summary>The index of the queue towards the guest; queues 2 and 3 are for control messages.</summary>
    internal int ReceiveQueue => Id == 0 ? 0 : (2 * Id) + 2;

    /// <summary>The index of the queue from the guest.</summary>
    internal int TransmitQueue => ReceiveQueue + 1;

    /// <summary>Rings when there may be input for the guest.</summary>
    internal Doorbell Arrived { get; } = new(inline: true);

    internal ConsolePort? Port
    {
        get => port;
        set => port = value;
    }
}
