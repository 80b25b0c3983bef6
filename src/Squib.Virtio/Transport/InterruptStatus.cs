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
    private uint pending;
    private long raised;

    internal InterruptStatus(IrqLine line) => this.line = line;

    internal uint Pending => Volatile.Read(ref pending);

    internal long Raised => Interlocked.Read(ref raised);

    internal void Raise(uint bits)
    {
        lock (gate)
        {
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

    internal void Reset() => Acknowledge(uint.MaxValue);
}
