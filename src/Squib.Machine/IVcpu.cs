namespace Squib.Machine;

/// <summary>What executes the guest's code.</summary>
public interface IVcpu : IDisposable
{
    /// <summary>The number of instructions executed so far; any thread may read it, and it may lag a little.</summary>
    long Instructions { get; }

    /// <summary>
    /// Sets the state in which the architecture's boot protocol enters a kernel: EL1h, DAIF masked, MMU off.
    /// </summary>
    /// <param name="pc">The guest-physical address of the first instruction.</param>
    /// <param name="x0">The value of X0; X1 to X30 become zero.</param>
    void Start(ulong pc, ulong x0);

    /// <summary>Executes the guest on the calling thread until <see cref="Stop"/> is called.</summary>
    void Run();

    /// <summary>Ends <see cref="Run"/>; from any thread, also from inside an exit.</summary>
    void Stop();

    /// <summary>
    /// Sets the level of the interrupt input; from any thread. An asserted input ends a wait for interrupts.
    /// </summary>
    /// <param name="asserted">Whether an interrupt is pending.</param>
    void SetIrq(bool asserted);
}
