using Squib.Virtio.Interrupts;

namespace Squib.Virtio.Transport;

/// <summary>The InterruptStatus register and the line behind it.</summary>
/// <remarks>
/// Bits and line change together under one lock: with two atomics a bit set between the driver's acknowledgement and the lowering of
/// the line would leave the line low and the bit set, which is a lost interrupt.
/// </remarks>
internal sealed class InterruptStatus
{
    /// <summary>The driver should look for used buffers.</summary>
    internal const uint UsedBuffer = 1;

    /// <summary>The driver should read the configuration again.</summary>
    internal const uint ConfigurationChange = 2;

    private readonly Lock gate = new();
    private readonly IrqLine line;
    private bool enabled;
    private uint pending;
    private long raised;

    internal InterruptStatus(IrqLine line) => this.line = line;

    internal uint Pending => Volatile.Read(ref pending);

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
            pending |= bits;
            raised++;
            line.Raise();
        }
    }

    internal void Acknowledge(uint bits)
    {
        lock (gate)
        {
            pending &= ~bits;
            if (pending == 0) line.Lower();
        }
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
}
