using Squib.Virtio.Interrupts;

namespace Squib.Virtio.Testing;

/// <summary>An interrupt controller that counts pulses and keeps levels.</summary>
public sealed class RecordingGic : IGic
{
    private readonly Lock gate = new();
    private readonly Dictionary<IntId, int> pulses = [];
    private readonly HashSet<IntId> asserted = [];

    /// <inheritdoc/>
    public void PulseSpi(IntId id)
    {
        lock (gate) pulses[id] = pulses.GetValueOrDefault(id) + 1;
    }

    /// <inheritdoc/>
    public void SetSpiLevel(IntId id, bool asserted)
    {
        lock (gate)
        {
            if (asserted) this.asserted.Add(id);
            else this.asserted.Remove(id);
        }
    }

    /// <summary>The number of pulses of an interrupt so far.</summary>
    /// <param name="id">The interrupt.</param>
    public int Pulses(IntId id)
    {
        lock (gate) return pulses.GetValueOrDefault(id);
    }

    /// <summary>Whether the level of an interrupt is high.</summary>
    /// <param name="id">The interrupt.</param>
    public bool IsAsserted(IntId id)
    {
        lock (gate) return asserted.Contains(id);
    }
}
