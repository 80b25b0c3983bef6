namespace Squib.Virtio.Interrupts;

/// <summary>One wire from a device to the GIC.</summary>
public sealed class IrqLine
{
    private readonly IGic gic;

    /// <summary>Connects a wire.</summary>
    /// <param name="gic">The interrupt controller.</param>
    /// <param name="id">The input of the controller.</param>
    /// <param name="trigger">How the wire signals; must agree with what the device tree says of it.</param>
    /// <exception cref="ArgumentException">The id is the default value, which is no interrupt.</exception>
    public IrqLine(IGic gic, IntId id, IrqTrigger trigger = IrqTrigger.Edge)
    {
        ArgumentNullException.ThrowIfNull(gic);
        if (id.Raw == 0) throw new ArgumentException("The interrupt id is not set.", nameof(id));
        this.gic = gic;
        Id = id;
        Trigger = trigger;
    }

    /// <summary>The input of the controller.</summary>
    public IntId Id { get; }

    /// <summary>How the wire signals.</summary>
    public IrqTrigger Trigger { get; }

    /// <summary>Tells the GIC that InterruptStatus has gained a bit: a pulse, or a high level.</summary>
    public void Raise()
    {
        if (Trigger == IrqTrigger.Edge) gic.PulseSpi(Id);
        else gic.SetSpiLevel(Id, asserted: true);
    }

    /// <summary>Tells the GIC that InterruptStatus is zero again; an edge-triggered line has nothing to say.</summary>
    public void Lower()
    {
        if (Trigger == IrqTrigger.Level) gic.SetSpiLevel(Id, asserted: false);
    }
}
