using Squib.Virtio.Interrupts;

namespace Squib.Virtio.Transport;

/// <summary>The InterruptStatus register and the line behind it.</summary>
/// <remarks>
/// A bit is set while more was raised than the driver has acknowledged. Of each pair of numbers one is the device's and one the
/// driver's, so on an edge-triggered line, which does not fall, an acknowledgement waits for nobody. The level of a line follows the
/// bits under the lock: a bit raised between the acknowledgement and the lowering of the line would leave the line low and the bit set,
/// which is a lost interrupt.
/// </remarks>
internal sealed class InterruptStatus
{
    /// <summary>The driver should look for used buffers.</summary>
    internal const uint UsedBuffer = 1;

    /// <summary>The driver should read the configuration again.</summary>
    internal const uint ConfigurationChange = 2;

    private readonly Lock gate = new();
    private readonly IrqLine line;
    private readonly bool falls;
    private bool enabled;
    private ulong used;
    private ulong changes;
    private ulong acknowledgedUsed;
    private ulong acknowledgedChanges;
    private long raised;

    internal InterruptStatus(IrqLine line)
    {
        this.line = line;
        falls = line.Trigger == IrqTrigger.Level;
    }

    internal uint Pending =>
        (Volatile.Read(ref used) != Volatile.Read(ref acknowledgedUsed) ? UsedBuffer : 0)
        | (Volatile.Read(ref changes) != Volatile.Read(ref acknowledgedChanges) ? ConfigurationChange : 0);

    internal long Raised => Interlocked.Read(ref raised);

    /// <summary>From DRIVER_OK on the driver is interrupted.</summary>
    internal void Enable()
    {
        lock (gate) enabled = true;
    }

    internal void Raise(uint bits)
    {
        lock (gate)
        {
            // MUST NOT (2.1.2, 2.4.1): no notification before DRIVER_OK, and none after a reset.
            if (!enabled) return;
            if ((bits & UsedBuffer) != 0) Volatile.Write(ref used, used + 1);
            if ((bits & ConfigurationChange) != 0) Volatile.Write(ref changes, changes + 1);
            raised++;
            line.Raise();
        }
    }

    internal void Acknowledge(uint bits)
    {
        if (falls) AcknowledgeAndLower(bits);
        else Clear(bits);
    }

    /// <summary>Clears all bits; nothing sets one until <see cref="Enable"/>.</summary>
    internal void Reset()
    {
        lock (gate)
        {
            enabled = false;
            Acknowledge(uint.MaxValue);
        }
    }

    private void AcknowledgeAndLower(uint bits)
    {
        lock (gate)
        {
            Clear(bits);
            if (Pending == 0) line.Lower();
        }
    }

    private void Clear(uint bits)
    {
        // Two vCPUs may do this at once, or one during a reset; the later store may be of the older number. The bit is then set until the
        // next acknowledgement, and no notification is lost.
        if ((bits & UsedBuffer) != 0) Volatile.Write(ref acknowledgedUsed, Volatile.Read(ref used));
        if ((bits & ConfigurationChange) != 0) Volatile.Write(ref acknowledgedChanges, Volatile.Read(ref changes));
    }
}
