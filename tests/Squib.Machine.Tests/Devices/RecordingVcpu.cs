namespace Squib.Machine.Tests.Devices;

/// <summary>A CPU that remembers its IRQ input, and runs what a test gives it instead of code.</summary>
public sealed class RecordingVcpu(Action<RecordingVcpu>? program = null) : IVcpu
{
    private volatile bool irq;
    private volatile bool stopped;

    public bool Irq => irq;

    public int IrqChanges { get; private set; }

    public bool Stopped => stopped;

    public bool Disposed { get; private set; }

    public ulong Pc { get; private set; }

    public ulong X0 { get; private set; }

    public long Instructions => 42;

    public void Start(ulong pc, ulong x0) => (Pc, X0) = (pc, x0);

    public void Run() => program?.Invoke(this);

    public void Stop() => stopped = true;

    public void SetIrq(bool asserted)
    {
        irq = asserted;
        IrqChanges++;
    }

    public void Dispose() => Disposed = true;
}
