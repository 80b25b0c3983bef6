using Squib.Machine;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Host;
using Squib.Virtio.Limits;
using Squib.Virtio.Transport;
using ArmMachine = Squib.Machine.Machine;

namespace Squib.Cli.Boot;

/// <summary>
/// A machine with its memory, devices and open files, put together from a plan: the one place that does so.
/// </summary>
internal sealed class MachineAssembly : IDisposable
{
    private readonly List<IDisposable> owned = [];
    private readonly List<AttachedDevice> devices = [];
    private readonly TransportOptions transport;

    private MachineAssembly(MachinePlan plan)
    {
        transport = plan.Transport;
        int wanted = plan.DeviceCount;
        if (wanted > SlotAllocator.Count)
        {
            throw new UserErrorException(
                $"{wanted} devices are asked for; a machine has slots for {SlotAllocator.Count}.");
        }

        try
        {
            Disks = [.. plan.Drives.Select(Open)];
            Cards = [.. plan.NetCards.Select(OpenCard)];
            MemoryDevices = Own(new MemoryDevices(plan.MemoryDevices, Own(ReserveMemory(plan.MemoryBytes))));
            Machine = Own(CreateMachine(plan, MemoryDevices));
            if (plan.ConsoleOutput is not null) Console = new(plan.ConsoleOutput, ConsoleSize() with { MaxPorts = plan.ConsolePorts });
            if (plan.Vsock is not null) Vsock = OpenVsock(plan.Vsock);
            AttachAll(plan);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The machine, not started.</summary>
    public ArmMachine Machine { get; }

    /// <summary>Its virtio devices in the order of their slots.</summary>
    public IReadOnlyList<AttachedDevice> Devices => devices;

    /// <summary>The disks, in the order of the plan.</summary>
    public IReadOnlyList<OpenDisk> Disks { get; }

    /// <summary>The network cards, in the order of the plan.</summary>
    public IReadOnlyList<NetDevice> Cards { get; }

    /// <summary>The guest's memory and the devices that have to do with it.</summary>
    public MemoryDevices MemoryDevices { get; }

    /// <summary>The virtio console, or null.</summary>
    public ConsoleDevice? Console { get; }

    /// <summary>The socket device, or null.</summary>
    public VsockDevice? Vsock { get; }

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
        {
            throw new UserErrorException(
                $"RAM of {bytes} bytes is not possible: the size is a multiple of 2 MiB and not zero.");
        }

        try
        {
            return new(bytes);
        }
        catch (InsufficientMemoryException error)
        {
            throw new UserErrorException(error.Message, error);
        }
    }

    private static ArmMachine CreateMachine(MachinePlan plan, MemoryDevices memory)
    {
        try
        {
            return new(new MachineOptions
            {
                Memory = memory.Memory,
                RamBytes = memory.RamBytes,
                KernelEntry = memory.BootTimer is { } timer ? timer.Start : null,
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

    private static ConsoleOptions ConsoleSize() =>
        TerminalSize.TryGet(out ushort columns, out ushort rows) ? new() { Columns = columns, Rows = rows } : new();

    private OpenDisk Open(DriveOptions drive)
    {
        FileBlockBackend image = HostFile.OpenImage(drive);
        Own(new AsyncOwned(image));
        IBlockBackend backend = image;
        if (drive.Direct) Own(new AsyncOwned(backend = HostFile.OpenDirect(image, drive.Path)));
        return new(new(backend, new() { Id = drive.Serial, ReadOnly = drive.ReadOnly, Limiter = Limit(drive.Limits) }), image);
    }

    private VsockDevice OpenVsock(GuestSocketOptions vsock)
    {
        VsockDevice device = new(new() { GuestCid = vsock.Cid });
        if (vsock.Path is null) return device;
        try
        {
            Own(new AsyncOwned(UnixVsockBackend.Open(device, vsock.Path)));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException(error.Message, error);
        }

        return device;
    }

    private NetDevice OpenCard(NetCardOptions card)
    {
        INetBackend backend = HostNetwork.Open(card);
        Own(new AsyncOwned(backend));
        return new(backend, new()
        {
            Mac = card.Mac,
            Mtu = card.Mtu,
            QueuePairs = backend.QueueCount,
            ReceiveLimiter = Limit(card.Limits),
            TransmitLimiter = Limit(card.Limits),
        });
    }

    private static RateLimiter? Limit(RateLimits? limits) => limits is null ? null : new(limits);

    // The order of the slots is the guest's order of discovery: the root disk comes first, further disks last.
    private void AttachAll(MachinePlan plan)
    {
        if (Disks.Count > 0) Attach("block 0", Disks[0].Device);
        for (int i = 0; i < Cards.Count; i++) Attach($"net {i}", Cards[i]);
        if (Vsock is not null) Attach("vsock", Vsock);
        if (MemoryDevices.Balloon is { } balloon) Attach("balloon", balloon);
        if (plan.Rng) Attach("rng", new RngDevice(new() { Limiter = Limit(plan.RngLimits) }));
        if (Console is not null) Attach("console", Console);
        for (int i = 1; i < Disks.Count; i++) Attach($"block {i}", Disks[i].Device);
        for (int i = 0; i < MemoryDevices.Pmem.Count; i++) Attach($"pmem {i}", MemoryDevices.Pmem[i]);
        if (MemoryDevices.Mem is { } mem) Attach("mem", mem);
        if (MemoryDevices.BootTimer is { } timer) Attach("boot-timer", timer);
    }

    private void Attach(string name, IVirtioDevice device)
    {
        devices.Add(new(device, Machine.Attach(device, transport with { Name = name })));
    }

    private T Own<T>(T resource) where T : IDisposable
    {
        owned.Add(resource);
        return resource;
    }

    /// <summary>Disposes of what has no synchronous way to do so; a disk's file closes at once.</summary>
    private sealed class AsyncOwned(IAsyncDisposable resource) : IDisposable
    {
        public void Dispose() => resource.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
