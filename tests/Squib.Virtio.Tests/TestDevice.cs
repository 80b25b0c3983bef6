using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests;

/// <summary>A device that does what a test says, from its start to its reset.</summary>
internal sealed class TestDevice(Func<DriverSession, CancellationToken, Task> run, params ushort[] queueSizes) : IVirtioDevice
{
    public TestDevice(Func<DriverSession, Task> run, params ushort[] queueSizes)
        : this((session, _) => run(session), queueSizes)
    {
    }

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes => queueSizes;

    public ConfigSpace Config { get; } = new(new byte[8]);

    public Task RunAsync(DriverSession session, CancellationToken reset) => run(session, reset);
}
