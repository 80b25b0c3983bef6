using Microsoft.Win32.SafeHandles;
using Squib.Machine;
using Squib.Virtio.Host;
using Squib.Virtio.Memory;
using Squib.Virtio.Transport;
using ArmMachine = Squib.Machine.Machine;

namespace Squib.Cli.Boot;

/// <summary>A machine with its memory, devices and open files, put together from a plan: the one place that does so.</summary>
internal sealed class MachineAssembly : IDisposable
{
    private readonly List<IDisposable> owned = [];
    private readonly List<AttachedDevice> devices = [];

    private MachineAssembly(MachinePlan plan)
    {
        int wanted = plan.Drives.Count + (plan.Rng ? 1 : 0) + (plan.Console is null ? 0 : 1);
        if (wanted > SlotAllocator.Count)
            throw new UserErrorException($"{wanted} devices are asked for; a machine has slots for {SlotAllocator.Count}.");
        SafeFileHandle[] images = [.. plan.Drives.Select(drive => Own(HostFile.OpenImage(drive)))];
        MappedMemory ram = Own(ReserveMemory(plan.MemoryBytes));
        Machine = Own(CreateMachine(plan, ram));
    }

    /// <summary>The machine, not started.</summary>
    public ArmMachine Machine { get; }

    /// <summary>Its virtio devices in the order of their slots.</summary>
    public IReadOnlyList<AttachedDevice> Devices => devices;

    /// <summary>Puts a machine together.</summary>
    /// <param name="plan">What it is to be made of.</param>
    /// <exception cref="UserErrorException">Something of it cannot be used or does not fit.</exception>
    public static MachineAssembly Build(MachinePlan plan) => new(plan);

    /// <summary>Stops the machine and closes everything that was opened for it.</summary>
    public void Dispose()
    {
        // The last opened first: the machine ends before its memory goes.
        for (int i = owned.Count - 1; i >= 0; i--) owned[i].Dispose();
        owned.Clear();
    }

    private static MappedMemory ReserveMemory(long bytes)
    {
        const long Granule = 2 << 20;
        if (bytes <= 0 || bytes % Granule != 0)
            throw new UserErrorException($"RAM of {bytes} bytes is not possible: the size is a multiple of 2 MiB and not zero.");
        try
        {
            return new(bytes);
        }
        catch (InsufficientMemoryException error)
        {
            throw new UserErrorException(error.Message, error);
        }
    }

    private static ArmMachine CreateMachine(MachinePlan plan, MappedMemory ram)
    {
        ulong at = MemoryMap.RamStart;
        List<GuestRegion> regions = [];
        foreach (Memory<byte> piece in ram.Pieces)
        {
            regions.Add(new(at, piece));
            at += (ulong)piece.Length;
        }

        try
        {
            return new(new MachineOptions
            {
                Memory = new(regions),
                Kernel = plan.Kernel,
                Initrd = plan.Initrd,
                CommandLine = plan.CommandLine,
                SerialOutput = plan.SerialOutput,
            });
        }
        catch (ArgumentException error)
        {
            throw new UserErrorException(error.Message, error);
        }
    }

    private void Attach(string name, IVirtioDevice device) => devices.Add(new(name, Machine.Attach(device)));

    private T Own<T>(T resource) where T : IDisposable
    {
        owned.Add(resource);
        return resource;
    }
}
