namespace Squib.Machine.Tests.Devices;

/// <summary>A CPU that remembers its IRQ input, and runs what a test gives it instead of code.</summary>
public sealed class RecordingVcpu(Action<RecordingVcpu>? program = null) : IVcpu
{
    private volatile bool irq;
    private volatile bool stopped;

    public bool Irq => irq;

    public int IrqChanges { get; private set; }

    public bool Stopped => stopped;

    public int Stops { get; private set; }

    public bool Disposed { get; private set; }

    /// <summary>Calls that a CPU whose memory is gone would not survive; disposing again is none.</summary>
    public int CallsAfterDispose { get; private set; }

    public ulong Pc { get; private set; }

    public ulong X0 { get; private set; }

    public long Instructions => 42;

    public void Start(ulong pc, ulong x0) => (Pc, X0) = (pc, x0);

    public void Run() => program?.Invoke(this);

    public void Stop()
    {
        stopped = true;
        Stops++;
        if (Disposed) CallsAfterDispose++;
    }

    public void SetIrq(bool asserted)
    {
        irq = asserted;
        IrqChanges++;
        if (Disposed) CallsAfterDispose++;
    }

    public void Dispose() => Disposed = true;
}
