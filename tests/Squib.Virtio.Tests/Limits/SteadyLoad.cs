using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices;

namespace Squib.Virtio.Tests.Limits;

/// <summary>A driver that always has some requests with the device.</summary>
internal sealed class SteadyLoad(DriverQueue queue, int depth, byte[][] readable, int[] writable)
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);

    internal DriverQueue Queue => queue;

    /// <summary>The number of requests answered so far.</summary>
    internal int Answered { get; private set; }

    /// <summary>Takes the answers and asks for more.</summary>
    internal void Turn()
    {
        while (queue.TryReap(out _)) Answered++;
        queue.RequestInterrupt();
        while (queue.InFlight < depth) queue.Add(readable, writable);
        queue.Kick();
    }

    internal void Run(ManualTime time, double seconds) => Run(time, seconds, this);

    /// <summary>Lets time pass for several drivers.</summary>
    internal static void Run(ManualTime time, double seconds, params SteadyLoad[] loads)
    {
        for (TimeSpan left = TimeSpan.FromSeconds(seconds); left > TimeSpan.Zero; left -= Step)
        {
            foreach (SteadyLoad load in loads) load.Turn();
            time.Advance(Step);
        }
    }
}
