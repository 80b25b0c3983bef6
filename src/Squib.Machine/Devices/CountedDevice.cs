using Squib.Virtio.Bus;

namespace Squib.Machine.Devices;

/// <summary>A device on the bus whose accesses are counted.</summary>
/// <param name="device">The device.</param>
internal sealed class CountedDevice(IBusDevice device) : IBusDevice
{
    private long accesses;

    /// <summary>The number of reads and writes so far.</summary>
    public long Accesses => Interlocked.Read(ref accesses);

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        Interlocked.Increment(ref accesses);
        device.Read(offset, data);
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        Interlocked.Increment(ref accesses);
        device.Write(offset, data);
    }
}
