namespace Squib.Virtio.Interrupts;

/// <summary>How an interrupt line tells the GIC that a device wants attention.</summary>
public enum IrqTrigger
{
    /// <summary>Every notification is a pulse (device-tree flag 1); the line keeps no state.</summary>
    Edge,

    /// <summary>The line is high as long as InterruptStatus is not zero (device-tree flag 4).</summary>
    Level,
}
