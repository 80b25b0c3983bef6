using Squib.Virtio.Devices.Block;

namespace Squib.Virtio.Testing;

/// <summary>The calls of a backend that wait for a test to complete them, oldest first.</summary>
/// <remarks>All members may be called by any thread.</remarks>
public sealed class LateCalls
{
    private readonly Lock gate = new();
    private readonly List<LateCall> waiting = [];

    /// <summary>The number of calls that wait.</summary>
    public int Count
    {
        get
        {
            lock (gate) return waiting.Count;
        }
    }

    /// <summary>Takes a call, to complete it.</summary>
    /// <param name="at">Its position, 0 for the oldest.</param>
    /// <returns>The call, or null if there are not so many.</returns>
    public LateCall? Take(int at = 0)
    {
        lock (gate)
        {
            if (at >= waiting.Count) return null;
            LateCall call = waiting[at];
            waiting.RemoveAt(at);
            return call;
        }
    }

    /// <summary>Completes all calls that wait, oldest first, and those that come of it.</summary>
    /// <param name="fault">What is to go wrong with them.</param>
    public void CompleteAll(HostFault fault = HostFault.None)
    {
        while (Take() is { } call) call.Complete(fault);
    }

    internal LateCall Add(string name, Func<BlockStatus> work, bool twice = false)
    {
        LateCall call = new(name, work, twice);
        lock (gate) waiting.Add(call);
        return call;
    }
}
