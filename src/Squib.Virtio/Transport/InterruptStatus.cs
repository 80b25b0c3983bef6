using Squib.Virtio.Interrupts;

namespace Squib.Virtio.Transport;

/// <summary>The InterruptStatus register and the line behind it.</summary>
/// <remarks>
/// A bit is set while more was raised than the driver has acknowledged. Of each pair of numbers one is the device's and one the
/// driver's, so on an edge-triggered line, which does not fall, used buffers and acknowledgements wait for nobody. The level of a line
/// follows the bits under the lock: a bit raised between the acknowledgement and the lowering of the line would leave the line low and
/// the bit set, which is a lost interrupt.
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
    private volatile bool enabled;
    private long used;
    private long changes;
    private long acknowledgedUsed;
    private long acknowledgedChanges;

    internal InterruptStatus(IrqLine line)
    {
        this.line = line;
        falls = line.Trigger == IrqTrigger.Level;
    }

    internal uint Pending =>
        (Volatile.Read(ref used) != Volatile.Read(ref acknowledgedUsed) ? UsedBuffer : 0)
        | (Volatile.Read(ref changes) != Volatile.Read(ref acknowledgedChanges) ? ConfigurationChange : 0);

    internal long Raised => Interlocked.Read(ref used) + Interlocked.Read(ref changes);

    /// <summary>From DRIVER_OK on the driver is interrupted.</summary>
    internal void Enable() => enabled = true;

    /// <summary>Buffers were used. The caller has the ring, and a reset clears the bits once more when it has all rings back.</summary>
    internal void RaiseUsedBuffer()
    {
        if (falls)
        {
            Raise(ref used);
            return;
        }

        if (!enabled) return;
        Interlocked.Increment(ref used);
        line.Raise();
    }

    /// <summary>The configuration has changed; the host may say so at any time.</summary>
    internal void RaiseConfigurationChange() => Raise(ref changes);

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

    private void Raise(ref long count)
    {
        lock (gate)
        {
            // MUST NOT (2.1.2, 2.4.1): no notification before DRIVER_OK, and none after a reset.
            if (!enabled) return;
            Interlocked.Increment(ref count);
            line.Raise();
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
