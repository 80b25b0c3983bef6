using Squib.Virtio.Diagnostics;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Transport;

/// <summary>One life of a device between DRIVER_OK and reset.</summary>
public sealed class DriverSession
{
    private readonly CancellationTokenSource ending;
    private readonly Log log;

    internal DriverSession(
        GuestMemory memory, ulong features, Virtqueue[] queues, CancellationTokenSource ending, string name, Log log)
    {
        Name = name;
        this.log = log;
        Memory = memory;
        Features = features;
        AllQueues = queues;
        this.ending = ending;
    }

    /// <summary>What measurements call the device.</summary>
    internal string Name { get; }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>The negotiated feature bits.</summary>
    public ulong Features { get; }

    /// <summary>The queues of the device; one that the driver did not enable never has anything to take.</summary>
    public IReadOnlyList<Virtqueue> Queues => AllQueues;

    /// <summary>The same without a call through an interface, which registers would pay for.</summary>
    internal Virtqueue[] AllQueues { get; }

    /// <summary>Whether all of some feature bits were negotiated.</summary>
    /// <param name="features">The bits.</param>
    public bool Has(ulong features) => (Features & features) == features;

    /// <summary>Says in the log that a backend failed; how often, the guest decides, so there is a limit.</summary>
    /// <param name="operation">What failed, such as "a write".</param>
    /// <param name="exception">Why, if the backend has said so.</param>
    public void ReportHostFailure(string operation, Exception? exception = null) => log.HostFailed(operation, exception);

    /// <summary>Whether a loop of the device failed while the driver had not reset it.</summary>
    internal bool HasFailed { get; private set; }

    /// <summary>Waits for the loops of a device; when one fails the others are told to end.</summary>
    /// <param name="loops">The loops.</param>
    public Task RunAllAsync(params Task[] loops)
    {
        ArgumentNullException.ThrowIfNull(loops);
        return Task.WhenAll(loops.Select(WatchAsync));
    }

    /// <summary>Ends the session: the token fires and every queue says that it is over.</summary>
    internal void End()
    {
        // First: who is woken by the token on this thread must not be told to look at a ring of which nothing is taken any more.
        foreach (Virtqueue queue in AllQueues) queue.End();
        try
        {
            ending.Cancel();
        }
        catch (AggregateException)
        {
            // What a backend does wrong when it hears of a reset is its own, and no reason not to reset.
        }

        foreach (Virtqueue queue in AllQueues) queue.Wake();
    }

    private async Task WatchAsync(Task loop)
    {
        try
        {
            await loop.ConfigureAwait(false);
        }
        catch
        {
            // Once the session is over a loop may well end by an exception, that of a cancelled wait.
            if (!ending.IsCancellationRequested) HasFailed = true;
            End();
            throw;
        }
    }
}
