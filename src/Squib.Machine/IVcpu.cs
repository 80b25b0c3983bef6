namespace Squib.Machine;

/// <summary>What executes the guest's code: the software CPU, or a hypervisor's vCPU.</summary>
public interface IVcpu : IDisposable
{
    /// <summary>The number of instructions executed so far; any thread may read it, it may lag a little.</summary>
    long Instructions { get; }

    /// <summary>Sets the boot state: EL1h, interrupts masked, MMU off, all other registers zero.</summary>
    /// <param name="pc">The guest-physical address of the first instruction.</param>
    /// <param name="x0">The value of X0: where the device tree is.</param>
    void Start(ulong pc, ulong x0);

    /// <summary>Executes on the calling thread until <see cref="Stop"/>.</summary>
    void Run();

    /// <summary>Makes <see cref="Run"/> return; any thread may call it, also from inside an exit.</summary>
    void Stop();

    /// <summary>Sets the level of the IRQ input; any thread may call it; a high level wakes a waiting CPU.</summary>
    /// <param name="asserted">Whether the input is high.</param>
    void SetIrq(bool asserted);
}
