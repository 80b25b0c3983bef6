using Squib.Virtio.Transport;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>A real device under attack, and what its driver and its host do with it.</summary>
internal abstract class Victim
{
    public abstract IVirtioDevice Device { get; }

    /// <summary>What a driver says to a device that has just started.</summary>
    public virtual void Begin(HostileBench bench)
    {
    }

    /// <summary>Has the device take a buffer of a queue of which it takes one only when it has something to say.</summary>
    public virtual void Stimulate(HostileBench bench, int queue)
    {
    }

    /// <summary>A request that every driver may make, with its bytes in memory from an address on.</summary>
    public abstract Ask Ask(HostileBench bench, int queue, ulong at);
}
