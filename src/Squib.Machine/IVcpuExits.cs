namespace Squib.Machine;

/// <summary>What the machine around a vCPU answers to. The vCPU's thread calls it.</summary>
/// <remarks>A system register is named by <c>op0 &lt;&lt; 14 | op1 &lt;&lt; 11 | CRn &lt;&lt; 7 | CRm &lt;&lt; 3 | op2</c>.</remarks>
public interface IVcpuExits
{
    /// <summary>How long a waiting CPU may sleep; <see cref="Timeout.InfiniteTimeSpan"/> when no timer is armed.</summary>
    TimeSpan TimeToTimer { get; }

    /// <summary>Reads a system register that lives outside the CPU: the GIC's CPU interface, the timers.</summary>
    /// <param name="encoding">The register.</param>
    /// <param name="value">Its value.</param>
    /// <returns>Whether there is such a register and it can be read.</returns>
    bool TryReadSystemRegister(uint encoding, out ulong value);

    /// <summary>Writes a system register that lives outside the CPU.</summary>
    /// <param name="encoding">The register.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether there is such a register and it can be written.</returns>
    bool TryWriteSystemRegister(uint encoding, ulong value);

    /// <summary>Answers HVC #0.</summary>
    /// <param name="registers">X0 to X3; the results replace them.</param>
    void Hypercall(Span<ulong> registers);

    /// <summary>Looks whether a timer has run out; called every few thousand instructions and after each wait.</summary>
    void PollTimer();
}
