namespace Squib.Virtio.Interrupts;

/// <summary>What the library asks of an interrupt controller: ours, a hypervisor's, or a test's.</summary>
/// <remarks>Both methods may be called by any thread and do not block.</remarks>
public interface IGic
{
    /// <summary>Asserts and de-asserts an edge-triggered shared peripheral interrupt in one call.</summary>
    /// <param name="id">The interrupt.</param>
    void PulseSpi(IntId id);

    /// <summary>Sets the level of a level-triggered shared peripheral interrupt; saying the same again changes nothing.</summary>
    /// <param name="id">The interrupt.</param>
    /// <param name="asserted">Whether the line is high.</param>
    void SetSpiLevel(IntId id, bool asserted);
}
