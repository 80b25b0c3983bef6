using Squib.Machine.Boot;
using Squib.Machine.Cpu;
using Squib.Machine.Devices;
using Squib.Virtio.Bus;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Transport;

namespace Squib.Machine;

/// <summary>An arm64 machine with one CPU: it boots one Linux kernel, once.</summary>
/// <remarks>
/// The guest runs on the thread that calls <see cref="Run"/>. <see cref="Stop"/>, <see cref="WriteSerial"/> and the
/// counters may be used by any thread; everything else belongs before the run.
/// </remarks>
public sealed class Machine : IDisposable
{
    private const int NotEnded = -1;
    private const ulong PageBytes = 4096;

    private readonly MachineOptions options;
    private readonly ulong ramBytes;
    private readonly string commandLine;
    private readonly Placement placement;
    private readonly Gicv3 gic = new();
    private readonly SerialOutput serialOutput;
    private readonly Pl011 uart;
    private readonly IVcpu vcpu;
    private readonly List<CountedDevice> counted = [];
    private readonly List<VirtioMmioTransport> transports = [];
    private readonly HashSet<Slot> driverless = [];
    private readonly Lock running = new();
    private readonly Lock life = new();
    private int exit = NotEnded;
    private bool started;
    private bool disposed;

    /// <summary>Puts a machine together around the software's CPU.</summary>
    /// <param name="options">What it is made of.</param>
    /// <exception cref="ArgumentException">Something does not fit; the message says what, and by how much.</exception>
    public Machine(MachineOptions options)
        : this(options, (bus, exits) => new SoftwareCpu(options.Memory, bus, exits, options.Logger))
    {
    }

    /// <summary>Puts a machine together around another CPU than the software's.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="createVcpu">Makes the CPU; it gets the machine's bus and what answers its exits.</param>
    /// <exception cref="ArgumentException">Something does not fit; the message says what, and by how much.</exception>
    internal Machine(MachineOptions options, Func<MmioBus, IVcpuExits, IVcpu> createVcpu)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        ramBytes = MeasureRam(options);
        commandLine = Boot.CommandLine.Complete(options.CommandLine);
        placement = Placement.Find(ramBytes, options.Kernel, (ulong)options.Initrd.Length);
        serialOutput = new SerialOutput(options.SerialOutput, options.Logger);
        uart = new Pl011(new IrqLine(gic, MemoryMap.UartInterrupt, IrqTrigger.Level), serialOutput);
        AddToBus(MemoryMap.Distributor, gic.DistributorFrame);
        AddToBus(MemoryMap.Redistributor, gic.RedistributorFrame);
        AddToBus(MemoryMap.Uart, uart);
        vcpu = createVcpu(Bus, new Exits(this));
        gic.Connect(vcpu);
    }

    /// <summary>The bus, on which everything but RAM lies.</summary>
    public MmioBus Bus { get; } = new();

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory => options.Memory;

    /// <summary>The interrupt controller.</summary>
    public IGic Gic => gic;

    /// <summary>The slots for virtio devices.</summary>
    public SlotAllocator Slots { get; } = new();

    /// <summary>The number of instructions executed so far; it may lag a little.</summary>
    public long Instructions => vcpu.Instructions;

    /// <summary>The number of accesses of the guest to devices so far.</summary>
    public long MmioExits => counted.Sum(device => device.Accesses) + Bus.UnclaimedAccesses;

    /// <summary>Puts a virtio device into the next free slot; call it before <see cref="Run"/>.</summary>
    /// <param name="device">The device, which stays the caller's; nothing but this machine may use it.</param>
    /// <param name="transport">What its transport offers and how it runs the device; null for what is usual.</param>
    /// <returns>The transport, which the machine disposes of.</returns>
    /// <exception cref="InvalidOperationException">All slots are taken, or the machine has run.</exception>
    public VirtioMmioTransport Attach(IVirtioDevice device, TransportOptions? transport = null)
    {
        if (Volatile.Read(ref started))
            throw new InvalidOperationException("Devices are attached before the machine runs.");
        Slot slot = Slots.Allocate();
        if (device.Type == DeviceType.BootTimer) driverless.Add(slot);
        VirtioMmioTransport attached =
            new(device, Memory, new IrqLine(gic, slot.Interrupt), transport, options.Logger);
        AddToBus(slot.Range, attached);
        transports.Add(attached);
        return attached;
    }

    /// <summary>Loads the guest and executes it on the calling thread until it ends or is stopped.</summary>
    /// <returns>How it ended.</returns>
    /// <exception cref="InvalidOperationException">The machine has run already.</exception>
    /// <exception cref="ArgumentException">The device tree does not fit; the message says by how much.</exception>
    public MachineExit Run()
    {
        if (Interlocked.Exchange(ref started, true)) throw new InvalidOperationException("A machine runs once.");
        Load();
        vcpu.Start(placement.Kernel, placement.DeviceTree);
        try
        {
            lock (running)
            {
                if (Volatile.Read(ref exit) == NotEnded)
                {
                    options.KernelEntry?.Invoke();
                    vcpu.Run();
                }
            }
        }
        finally
        {
            uart.Close();
            serialOutput.Flush();
        }

        MachineExit ended = exit == NotEnded ? MachineExit.Stopped : (MachineExit)exit;
        return ended == MachineExit.Reset && serialOutput.PanicSeen ? MachineExit.Panic : ended;
    }

    /// <summary>Makes <see cref="Run"/> return soon; any thread may call it.</summary>
    public void Stop() => End(MachineExit.Stopped);

    /// <summary>
    /// Types on the guest's serial console; waits while the guest does not read and its queue of 4096 bytes is full.
    /// </summary>
    /// <param name="input">The bytes; they are dropped once the machine has ended.</param>
    public void WriteSerial(ReadOnlySpan<byte> input) => uart.Receive(input);

    /// <summary>Types on the guest's serial console as much as there is room for, without waiting.</summary>
    /// <param name="input">The bytes.</param>
    /// <returns>How many were taken.</returns>
    public int TryWriteSerial(ReadOnlySpan<byte> input) => uart.TryReceive(input);

    /// <summary>
    /// Stops the machine, waits until it stands, resets the devices and frees the CPU; memory and streams stay the
    /// caller's.
    /// </summary>
    public void Dispose()
    {
        Stop();
        uart.Close();
        lock (running)
        {
            // The devices first: they work in memory that the CPU has pinned.
            foreach (VirtioMmioTransport transport in transports)
                transport.DisposeAsync().AsTask().GetAwaiter().GetResult();
            transports.Clear();
            gic.Disconnect();
            lock (life) disposed = true;
            vcpu.Dispose();
        }
    }

    private static ulong MeasureRam(MachineOptions options)
    {
        ulong end = MemoryMap.RamStart;
        while (options.Memory.Find(end) is { } region) end = region.Start + (ulong)region.Length;
        ulong found = end - MemoryMap.RamStart;
        if (found == 0)
        {
            throw new ArgumentException(
                $"There is no memory at 0x{MemoryMap.RamStart:x}, where RAM begins.", nameof(options));
        }

        ulong wanted = options.RamBytes == 0 ? found : options.RamBytes;
        if (wanted > found)
        {
            throw new ArgumentException(
                $"RAM is to be {wanted} bytes, but the memory at 0x{MemoryMap.RamStart:x} is "
                + $"{wanted - found} bytes smaller.",
                nameof(options));
        }

        if (wanted % PageBytes != 0)
        {
            throw new ArgumentException(
                $"The size of RAM, {wanted} bytes, is not a multiple of {PageBytes}.", nameof(options));
        }

        return wanted;
    }

    private void AddToBus(MmioRange range, IBusDevice device)
    {
        CountedDevice wrapped = new(device);
        counted.Add(wrapped);
        Bus.Add(range, wrapped);
    }

    private void Load()
    {
        byte[] tree = new MachineTree
        {
            RamBytes = ramBytes,
            CommandLine = commandLine,
            InitrdStart = placement.Initrd,
            InitrdBytes = (ulong)options.Initrd.Length,
            Slots = Slots.Taken,
            Driverless = driverless,
        }.ToBytes();
        if ((ulong)tree.Length > Placement.DeviceTreeBytes)
        {
            ulong excess = (ulong)tree.Length - Placement.DeviceTreeBytes;
            throw new ArgumentException($"The device tree is {excess} bytes larger than its room of 2 MiB.");
        }

        Write(placement.Kernel, options.Kernel.Bytes.Span);
        Write(placement.Initrd, options.Initrd.Span);
        Write(placement.DeviceTree, tree);
    }

    private void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (!Memory.TryWrite(address, bytes))
            throw new ArgumentException($"The {bytes.Length} bytes of RAM at 0x{address:x} cannot be written.");
    }

    // The first end counts: a guest that switches itself off while it is being stopped has switched itself off.
    private void End(MachineExit how)
    {
        Interlocked.CompareExchange(ref exit, (int)how, NotEnded);
        lock (life)
        {
            // Whoever stops the machine may be late; the CPU's memory is gone then.
            if (!disposed) vcpu.Stop();
        }
    }

    /// <summary>What answers the CPU: the timer first, because its counter is read by the million.</summary>
    private sealed class Exits(Machine machine) : IVcpuExits
    {
        private readonly GenericTimer timer = new(machine.gic, machine.options.TimeProvider);
        private readonly Psci psci = new(machine.End);

        public TimeSpan TimeToTimer
        {
            get
            {
                // The CPU is about to sleep: show what the guest has printed before.
                machine.serialOutput.Flush();
                return timer.TimeToTimer;
            }
        }

        public bool TryReadSystemRegister(uint encoding, out ulong value) =>
            timer.TryRead(encoding, out value) || machine.gic.TryReadSystemRegister(encoding, out value);

        public bool TryWriteSystemRegister(uint encoding, ulong value) =>
            timer.TryWrite(encoding, value) || machine.gic.TryWriteSystemRegister(encoding, value);

        public void Hypercall(Span<ulong> registers) => psci.Call(registers);

        public void PollTimer()
        {
            timer.Poll();
            machine.serialOutput.FlushSettled();
        }
    }
}
