namespace Squib.Machine.Devices;

/// <summary>The generic timer of one CPU: the counter, the virtual and the physical timer.</summary>
/// <remarks>
/// The counter runs at 62.5 MHz: 16 ns, so that the nanoseconds .NET counts are converted by a shift. It starts at zero
/// and runs in real time. Only the CPU's thread may call; the outputs are levels at the GIC.
/// </remarks>
internal sealed class GenericTimer
{
    /// <summary>The frequency of the counter in hertz.</summary>
    public const ulong CounterHz = 62_500_000;

    private const ulong Never = ulong.MaxValue;

    // An hour: a wait that ends without reason is harmless, one that is too long for the host's clocks is not.
    private const ulong LongestWait = 3600 * CounterHz;

    private readonly Gicv3 gic;
    private readonly TimeProvider time;
    private readonly long origin;
    private readonly ulong ticksPerStamp; // 32.32 fixed point
    private readonly TimerChannel virtualTimer = new(MemoryMap.VirtualTimerInterrupt);
    private readonly TimerChannel physicalTimer = new(MemoryMap.PhysicalTimerInterrupt);
    private ulong frequency = CounterHz;
    private ulong kernelControl;
    private ulong deadline = Never;

    /// <summary>Creates a timer whose counter is zero now.</summary>
    /// <param name="gic">Where the timers' interrupts go.</param>
    /// <param name="time">What the counter follows.</param>
    public GenericTimer(Gicv3 gic, TimeProvider time)
    {
        this.gic = gic;
        this.time = time;
        ticksPerStamp = (ulong)(((UInt128)CounterHz << 32) / (ulong)time.TimestampFrequency);
        origin = time.GetTimestamp();
    }

    /// <summary>The counter: 16 ns ticks since the machine was made (CNTVCT and CNTPCT are the same).</summary>
    public ulong Count
    {
        get
        {
            ulong high = Math.BigMul((ulong)(time.GetTimestamp() - origin), ticksPerStamp, out ulong low);
            return (high << 32) | (low >> 32);
        }
    }

    /// <summary>
    /// How long until an armed timer runs out, an hour at most, zero if one has; infinite when none is armed.
    /// </summary>
    public TimeSpan TimeToTimer
    {
        get
        {
            if (deadline == Never) return Timeout.InfiniteTimeSpan;
            ulong now = Count;
            if (now >= deadline) return TimeSpan.Zero;
            // One tick of the counter is 16 ns, one of a TimeSpan 100 ns; rounded up so that nobody wakes up too early.
            ulong left = Math.Min(deadline - now, LongestWait);
            return new TimeSpan((long)(((left * TimeSpan.TicksPerSecond) + (CounterHz - 1)) / CounterHz));
        }
    }

    /// <summary>Raises the interrupt of a timer that has run out since the last look; cheap when none has.</summary>
    public void Poll()
    {
        if (deadline != Never && Count >= deadline) Update();
    }

    /// <summary>Reads a register of the counter or the timers.</summary>
    /// <param name="encoding">The register, see <see cref="IVcpuExits"/>.</param>
    /// <param name="value">Its value.</param>
    /// <returns>Whether there is such a register.</returns>
    public bool TryRead(uint encoding, out ulong value)
    {
        switch (encoding)
        {
            case TimerRegister.VirtualCount or TimerRegister.PhysicalCount: value = Count; return true;
            case TimerRegister.VirtualControl: value = virtualTimer.ReadControl(Count); return true;
            case TimerRegister.VirtualCompare: value = virtualTimer.Compare; return true;
            case TimerRegister.VirtualValue: value = virtualTimer.ReadValue(Count); return true;
            case TimerRegister.PhysicalControl: value = physicalTimer.ReadControl(Count); return true;
            case TimerRegister.PhysicalCompare: value = physicalTimer.Compare; return true;
            case TimerRegister.PhysicalValue: value = physicalTimer.ReadValue(Count); return true;
            case TimerRegister.Frequency: value = frequency; return true;
            case TimerRegister.KernelControl: value = kernelControl; return true;
            default: value = 0; return false;
        }
    }

    /// <summary>Writes a register of the timers.</summary>
    /// <param name="encoding">The register, see <see cref="IVcpuExits"/>.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether there is such a register and it can be written.</returns>
    public bool TryWrite(uint encoding, ulong value)
    {
        switch (encoding)
        {
            case TimerRegister.VirtualControl: virtualTimer.WriteControl(value); break;
            case TimerRegister.VirtualCompare: virtualTimer.Compare = value; break;
            case TimerRegister.VirtualValue: virtualTimer.WriteValue(value, Count); break;
            case TimerRegister.PhysicalControl: physicalTimer.WriteControl(value); break;
            case TimerRegister.PhysicalCompare: physicalTimer.Compare = value; break;
            case TimerRegister.PhysicalValue: physicalTimer.WriteValue(value, Count); break;
            case TimerRegister.Frequency: frequency = (uint)value; return true;
            case TimerRegister.KernelControl: kernelControl = value; return true;
            default: return false;
        }

        Update();
        return true;
    }

    private void Update()
    {
        ulong now = Count;
        deadline = Math.Min(Drive(virtualTimer, now), Drive(physicalTimer, now));
    }

    /// <summary>Brings a timer's output into line; answers when it will rise by itself.</summary>
    private ulong Drive(TimerChannel timer, ulong now)
    {
        bool wanted = timer.IsArmed && now >= timer.Compare;
        if (wanted != timer.Output)
        {
            timer.Output = wanted;
            gic.SetPpiLevel(timer.Interrupt, wanted);
        }

        return timer.IsArmed && !wanted ? timer.Compare : Never;
    }
}
