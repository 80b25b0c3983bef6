namespace Squib.Virtio.Transport;

/// <summary>A virtio device: what it is, and a method that runs from DRIVER_OK to reset.</summary>
/// <remarks>
/// Nothing of the transport shows here: registers, negotiation, activation, interrupts and reset are the transport's. The running
/// state of a device is that of <see cref="RunAsync"/>: while it does not run, the device is not active.
/// </remarks>
public interface IVirtioDevice
{
    /// <summary>The kind of device.</summary>
    DeviceType Type { get; }

    /// <summary>The feature bits of the device's own (0 to 23 and 50 to 127) that it offers; the transport adds those of rings.</summary>
    ulong Features { get; }

    /// <summary>The largest size of each queue, 1 to 32,768 entries; the length of the list is the number of queues.</summary>
    IReadOnlyList<ushort> QueueSizes { get; }

    /// <summary>The configuration space.</summary>
    ConfigSpace Config { get; }

    /// <summary>Serves the driver until it resets the device.</summary>
    /// <param name="session">The queues, the memory and the negotiated features.</param>
    /// <param name="reset">Fires when the driver resets the device; host I/O under way may be cancelled by it.</param>
    /// <returns>
    /// A task that ends soon after <paramref name="reset"/> fires or <see cref="Queues.Virtqueue.WaitAsync"/> says false. After that
    /// the device touches no guest memory. A task that ends earlier, or with an exception, means that the device needs a reset.
    /// </returns>
    Task RunAsync(DriverSession session, CancellationToken reset);

    /// <summary>Whether the device can work with a set of features, each of which it has offered.</summary>
    /// <param name="features">All negotiated bits.</param>
    bool Accepts(ulong features) => true;

    /// <summary>The shared memory region with an id, or null if there is none (virtio 1.2, 2.10).</summary>
    /// <param name="id">The id that the driver selects.</param>
    SharedMemoryRegion? FindSharedMemory(uint id) => null;
}
