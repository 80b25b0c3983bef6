namespace Squib.Machine;

/// <summary>What the machine around a vCPU answers to; all but the property are called on the vCPU's thread.</summary>
public interface IVcpuExits
{
    /// <summary>
    /// How long a wait for interrupts may last at most; <see cref="Timeout.InfiniteTimeSpan"/> when no timer is armed.
    /// </summary>
    TimeSpan TimeToTimer { get; }

    /// <summary>
    /// Reads a system register that is not the CPU's own: of the GIC's CPU interface or of the generic timer.
    /// </summary>
    /// <param name="encoding">op0 &lt;&lt; 14 | op1 &lt;&lt; 11 | CRn &lt;&lt; 7 | CRm &lt;&lt; 3 | op2.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether there is such a register that can be read.</returns>
    bool TryReadSystemRegister(uint encoding, out ulong value);

    /// <summary>Writes a system register that is not the CPU's own.</summary>
    /// <param name="encoding">As for <see cref="TryReadSystemRegister"/>.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether there is such a register that can be written.</returns>
    bool TryWriteSystemRegister(uint encoding, ulong value);

    /// <summary>Answers HVC #0.</summary>
    /// <param name="registers">X0 to X3: arguments, then results.</param>
    void Hypercall(Span<ulong> registers);

    /// <summary>
    /// Lets the timer update its interrupt; called every few thousand instructions and after each wait.
    /// </summary>
    void PollTimer();
}
