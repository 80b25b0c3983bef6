using Squib.Machine;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.BootTimer;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Host;
using Squib.Virtio.Memory;

namespace Squib.Cli.Boot;

/// <summary>The guest's memory, and the devices that give some of it, take some of it back or keep it.</summary>
/// <remarks>RAM comes first, then persistent memory, then what can be plugged.</remarks>
internal sealed class MemoryDevices : IDisposable
{
    private readonly List<GuestRegion> regions = [];
    private readonly List<ReclaimableMemory> reclaimable = [];
    private readonly List<PmemDevice> pmem = [];
    private readonly List<IDisposable> owned = [];
    private ulong end = MemoryMap.RamStart;

    /// <summary>Opens the files and sets the memory aside.</summary>
    /// <param name="options">What devices there shall be.</param>
    /// <param name="ram">The RAM, which stays its owner's.</param>
    /// <exception cref="UserErrorException">Something cannot be used.</exception>
    public MemoryDevices(MemoryDeviceOptions options, MappedMemory ram)
    {
        RamBytes = (ulong)ram.Length;
        try
        {
            reclaimable.Add(new(Place(ram.Pieces, alignment: 1, readOnly: false), ram));
            foreach (PmemFileOptions file in options.PmemFiles) AddPmem(file);
            if (options.HotplugBytes > 0) Mem = AddHotplug(options);
            if (options.BalloonTarget is { } target) Balloon = AddBalloon(target);
            if (options.BootTimer) BootTimer = new();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The size of RAM in bytes.</summary>
    public ulong RamBytes { get; }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory => new(regions);

    /// <summary>The balloon, or null.</summary>
    public BalloonDevice? Balloon { get; }

    /// <summary>Persistent memory, in the order of its files.</summary>
    public IReadOnlyList<PmemDevice> Pmem => pmem;

    /// <summary>Memory that can be plugged, or null.</summary>
    public MemDevice? Mem { get; }

    /// <summary>The boot timer, or null.</summary>
    public BootTimerDevice? BootTimer { get; }

    /// <summary>Closes the files and returns the memory.</summary>
    public void Dispose()
    {
        foreach (IDisposable resource in owned) resource.Dispose();
        owned.Clear();
    }

    private void AddPmem(PmemFileOptions options)
    {
        MappedFile file = OpenFile(options);
        owned.Add(file);
        ulong address = Place(file.Pieces, PmemOptions.Alignment, options.ReadOnly);
        pmem.Add(new(file, new() { Address = address, Length = file.Length }));
    }

    private static MappedFile OpenFile(PmemFileOptions options)
    {
        MappedFileMode mode = options.ReadOnly ? MappedFileMode.ReadOnly
            : options.Private ? MappedFileMode.Private : MappedFileMode.Shared;
        try
        {
            return MappedFile.Open(options.Path, mode);
        }
        catch (InvalidDataException error)
        {
            throw new UserErrorException($"The pmem file {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new UserErrorException(
                $"The pmem file {options.Path} cannot be used: {HostFile.Explain(error, options.Path)}.", error);
        }
    }

    private MemDevice AddHotplug(MemoryDeviceOptions options)
    {
        MappedMemory memory;
        try
        {
            memory = new(options.HotplugBytes);
        }
        catch (InsufficientMemoryException error)
        {
            throw new UserErrorException(error.Message, error);
        }

        owned.Add(memory);
        ulong address = Place(memory.Pieces, (ulong)MemoryDeviceOptions.HotplugGranule, readOnly: false);
        reclaimable.Add(new(address, memory));
        return new(new DiscardingMemBackend(memory), new()
        {
            Address = address,
            RegionBytes = options.HotplugBytes,
            RequestedBytes = options.HotplugRequested,
            BlockBytes = MemoryDeviceOptions.BlockBytes,
        });
    }

    private BalloonDevice AddBalloon(long target)
    {
        if ((ulong)target > RamBytes)
        {
            throw new UserErrorException(
                $"The balloon's target of {target >> 20} MiB is more than the RAM of {RamBytes >> 20} MiB.");
        }

        return new(reclaimable, new() { TargetBytes = target });
    }

    /// <summary>Puts memory behind what there is.</summary>
    /// <returns>The guest-physical address.</returns>
    private ulong Place(IReadOnlyList<Memory<byte>> pieces, ulong alignment, bool readOnly)
    {
        ulong start = (end + alignment - 1) / alignment * alignment;
        end = start;
        foreach (Memory<byte> piece in pieces)
        {
            regions.Add(new(end, piece, readOnly));
            end += (ulong)piece.Length;
        }

        return start;
    }
}
