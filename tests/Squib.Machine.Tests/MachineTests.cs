using System.Buffers.Binary;
using System.Text;
using Squib.Machine.Tests.Boot;
using Squib.Machine.Tests.Devices;
using Squib.Virtio.Memory;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Machine.Tests;

public sealed class MachineTests : IDisposable
{
    private const int MiB = 1 << 20;
    private const uint SystemOff = 0x8400_0008;
    private const uint SystemReset = 0x8400_0009;

    private readonly MemoryStream screen = new();
    private readonly byte[] ram = new byte[16 * MiB];

    [Fact]
    public void A_guest_is_loaded_and_started_at_its_kernel_with_its_device_tree()
    {
        byte[] initrd = [1, 2, 3, 4, 5];
        (ulong pc, ulong x0) = (0, 0);
        MachineExit exit = Run(Options() with { Initrd = initrd, CommandLine = "quiet" }, (vcpu, guest) =>
        {
            (pc, x0) = (vcpu.Pc, vcpu.X0);
            guest.Call(SystemOff);
        });
        Assert.Equal(MachineExit.PowerOff, exit);
        Assert.Equal(MemoryMap.RamStart + (2 * MiB), pc);
        Assert.Equal(MemoryMap.RamStart + (14 * MiB), x0);
        Assert.Equal(0x77, ram[(2 * MiB) + 255]);
        Assert.Equal(initrd, ram[(4 * MiB)..((4 * MiB) + 5)]);
        Span<byte> tree = ram.AsSpan(14 * MiB);
        Assert.Equal(0xD00D_FEEDu, BinaryPrimitives.ReadUInt32BigEndian(tree));
        Assert.True(tree.IndexOf("quiet console=ttyAMA0 panic=1\0"u8) > 0);
    }

    [Theory]
    [InlineData("all is well\n", SystemReset, MachineExit.Reset)]
    [InlineData("Kernel panic - not syncing: no init\n", SystemReset, MachineExit.Panic)]
    [InlineData("log: Kernel panic - not syncing\n", SystemOff, MachineExit.PowerOff)]
    public void What_the_guest_printed_tells_a_panic_from_a_reset(string text, uint call, MachineExit expected)
    {
        MachineExit exit = Run(Options(), (_, guest) =>
        {
            guest.Print(text);
            guest.Call(call);
        });
        Assert.Equal(expected, exit);
        Assert.Equal(text, Encoding.ASCII.GetString(screen.ToArray()));
    }

    [Fact]
    public void What_is_printed_last_is_shown_even_without_the_end_of_a_line()
    {
        Run(Options(), (_, guest) => guest.Print("bye"));
        Assert.Equal("bye", Encoding.ASCII.GetString(screen.ToArray()));
    }

    [Fact]
    public void A_prompt_is_shown_before_the_guest_waits()
    {
        long shown = 0;
        Run(Options(), (_, guest) =>
        {
            guest.Print("# ");
            Assert.Equal(Timeout.InfiniteTimeSpan, guest.Exits.TimeToTimer);
            shown = screen.Length;
        });
        Assert.Equal(2, shown);
    }

    [Fact]
    public void Stopping_ends_the_run_and_a_stopped_machine_does_not_begin()
    {
        Assert.Equal(MachineExit.Stopped, Run(Options(), (_, guest) => guest.Machine.Stop()));
        using Guest guest = new(Options(), (_, _) => Assert.Fail("It ran."));
        guest.Machine.Stop();
        Assert.Equal(MachineExit.Stopped, guest.Machine.Run());
        Assert.Throws<InvalidOperationException>(() => guest.Machine.Run());
    }

    [Fact]
    public void The_first_end_counts()
    {
        MachineExit exit = Run(Options(), (_, guest) =>
        {
            guest.Call(SystemOff);
            guest.Machine.Stop();
            guest.Call(SystemReset);
        });
        Assert.Equal(MachineExit.PowerOff, exit);
    }

    [Fact]
    public void Typing_reaches_the_guest_and_is_dropped_after_the_end()
    {
        byte[] read = new byte[2];
        using Guest guest = new(Options(), (_, guest) =>
        {
            guest.Write(MemoryMap.Uart.Start + 0x30, 0x301);
            guest.Machine.Bus.Read(MemoryMap.Uart.Start, read);
        });
        guest.Machine.WriteSerial("x"u8);
        guest.Machine.Run();
        Assert.Equal((byte)'x', read[0]);
        guest.Machine.WriteSerial(new byte[10_000]);
    }

    [Fact]
    public void System_registers_reach_the_timer_and_the_GIC_and_others_nobody()
    {
        const uint Sre = (3 << 14) | (12 << 7) | (12 << 3) | 5;
        const uint Frequency = (3 << 14) | (3 << 11) | (14 << 7);
        ManualTime time = new();
        Run(Options() with { TimeProvider = time }, (vcpu, guest) =>
        {
            Assert.True(guest.Exits.TryReadSystemRegister(Sre, out ulong value));
            Assert.Equal(7ul, value);
            Assert.True(guest.Exits.TryReadSystemRegister(Frequency, out value));
            Assert.Equal(62_500_000ul, value);
            Assert.False(guest.Exits.TryReadSystemRegister(0, out _));
            Assert.False(guest.Exits.TryWriteSystemRegister(0, 0));
            Assert.False(vcpu.Irq);
            guest.EnableTimer();
            guest.Exits.PollTimer();
            Assert.False(vcpu.Irq);
            time.Advance(16_000);
            guest.Exits.PollTimer();
            Assert.True(vcpu.Irq);
        });
    }

    [Fact]
    public void Device_accesses_are_counted()
    {
        using Guest guest = new(Options(), (_, guest) =>
        {
            guest.Print("abc");
            guest.Write(MemoryMap.Distributor.Start, 3);
            guest.Write(0x10, 1);
        });
        guest.Machine.Run();
        Assert.Equal(5, guest.Machine.MmioExits);
        Assert.Equal(42, guest.Machine.Instructions);
    }

    [Fact]
    public void Attached_devices_get_slots_in_order_answer_on_the_bus_and_are_in_the_device_tree()
    {
        byte[] magic = new byte[4];
        byte[] kind = new byte[4];
        using Guest guest = new(Options(), (_, guest) =>
        {
            guest.Machine.Bus.Read(0x0F00_1000, magic);
            guest.Machine.Bus.Read(0x0F00_1008, kind);
        });
        guest.Machine.Attach(new IdleDevice(DeviceType.Block));
        guest.Machine.Attach(new IdleDevice(DeviceType.Entropy));
        guest.Machine.Run();
        Assert.Equal("virt"u8.ToArray(), magic);
        Assert.Equal((byte)DeviceType.Entropy, kind[0]);
        Span<byte> tree = ram.AsSpan(14 * MiB);
        Assert.True(tree.IndexOf("virtio_mmio@f000000\0"u8) > 0);
        Assert.True(tree.IndexOf("virtio_mmio@f001000\0"u8) > 0);
        Assert.True(tree.IndexOf("virtio_mmio@f002000\0"u8) < 0);
        Assert.Throws<InvalidOperationException>(() => guest.Machine.Attach(new IdleDevice(DeviceType.Block)));
    }

    [Fact]
    public void RAM_may_be_several_regions_and_a_devices_memory_behind_it_is_none()
    {
        byte[] more = new byte[8 * MiB];
        GuestMemory memory = new(
            new GuestRegion(MemoryMap.RamStart, ram),
            new GuestRegion(MemoryMap.RamStart + (16 * MiB), more));
        ulong tree = 0;
        Run(Options() with { Memory = memory }, (vcpu, _) => tree = vcpu.X0);
        Assert.Equal(MemoryMap.RamStart + (22 * MiB), tree);
        Run(Options() with { Memory = memory, RamBytes = 16 * MiB }, (vcpu, _) => tree = vcpu.X0);
        Assert.Equal(MemoryMap.RamStart + (14 * MiB), tree);
    }

    [Theory]
    [InlineData(0x4000_0000, 0, "There is no memory at 0x80000000, where RAM begins.")]
    [InlineData(
        0x8000_0000, 20 * MiB, "RAM is to be 20971520 bytes, but the memory at 0x80000000 is 4194304 bytes smaller.")]
    [InlineData(0x8000_0000, 5000, "The size of RAM, 5000 bytes, is not a multiple of 4096.")]
    [InlineData(
        0x8000_0000, 4096,
        "The kernel, which needs 4096 bytes, does not fit into 0 MiB of RAM: 4 MiB more are needed.")]
    public void Memory_that_does_not_do_is_refused(ulong start, ulong size, string message)
    {
        MachineOptions options = Options() with { Memory = new(new GuestRegion(start, ram)), RamBytes = size };
        ArgumentException refusal = Assert.Throws<ArgumentException>(() => new Guest(options, (_, _) => { }));
        Assert.StartsWith(message, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Disposing_stops_and_frees_the_CPU_which_nobody_touches_any_more()
    {
        Guest guest = new(Options(), (_, guest) => guest.EnableTimer());
        guest.Machine.Run();
        guest.Write(MemoryMap.Distributor.Start + 0x84, uint.MaxValue);
        guest.Write(MemoryMap.Distributor.Start + 0x104, uint.MaxValue);
        guest.Machine.Dispose();
        RecordingVcpu vcpu = guest.Vcpu!;
        Assert.True(vcpu.Stopped && vcpu.Disposed);
        guest.Machine.Gic.SetSpiLevel(MemoryMap.UartInterrupt, true);
        guest.Machine.Stop();
        guest.Machine.Dispose();
        Assert.Equal((1, 0), (vcpu.Stops, vcpu.CallsAfterDispose));
    }

    public void Dispose() => screen.Dispose();

    private MachineOptions Options() => new()
    {
        Memory = new(new GuestRegion(MemoryMap.RamStart, ram)),
        Kernel = Images.Kernel(),
        SerialOutput = screen,
    };

    private static MachineExit Run(MachineOptions options, Action<RecordingVcpu, Guest> program)
    {
        using Guest guest = new(options, program);
        return guest.Machine.Run();
    }

    /// <summary>A machine whose CPU runs a test's program instead of code, and what such a program can do.</summary>
    private sealed class Guest : IDisposable
    {
        public Guest(MachineOptions options, Action<RecordingVcpu, Guest> program)
        {
            Machine = new Machine(options, (_, exits) =>
            {
                Exits = exits;
                return Vcpu = new RecordingVcpu(vcpu => program(vcpu, this));
            });
        }

        public Machine Machine { get; }

        public IVcpuExits Exits { get; private set; } = null!;

        public RecordingVcpu? Vcpu { get; private set; }

        public void Call(uint function) => Exits.Hypercall([function, 0, 0, 0]);

        public void Print(string text)
        {
            foreach (char c in text) Machine.Bus.Write(MemoryMap.Uart.Start, [(byte)c]);
        }

        public void Write(ulong address, uint value)
        {
            Span<byte> data = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(data, value);
            Machine.Bus.Write(address, data);
        }

        public void EnableTimer()
        {
            const uint Pmr = (3 << 14) | (4 << 7) | (6 << 3);
            const uint Igrpen1 = (3 << 14) | (12 << 7) | (12 << 3) | 7;
            const uint Control = (3 << 14) | (3 << 11) | (14 << 7) | (3 << 3) | 1;
            Write(MemoryMap.Distributor.Start, 3);
            Write(MemoryMap.Redistributor.Start + 0x14, 0);
            Write(MemoryMap.Redistributor.Start + 0x1_0080, uint.MaxValue);
            Write(MemoryMap.Redistributor.Start + 0x1_0100, 1u << (int)MemoryMap.VirtualTimerInterrupt);
            Assert.True(Exits.TryWriteSystemRegister(Pmr, 0xF0));
            Assert.True(Exits.TryWriteSystemRegister(Igrpen1, 1));
            Assert.True(Exits.TryWriteSystemRegister(Control + 1, 1000));
            Assert.True(Exits.TryWriteSystemRegister(Control, 1));
        }

        public void Dispose() => Machine.Dispose();
    }

    private sealed class IdleDevice(DeviceType type) : IVirtioDevice
    {
        public DeviceType Type => type;

        public ulong Features => 0;

        public IReadOnlyList<ushort> QueueSizes => [];

        public ConfigSpace Config { get; } = new(new byte[4]);

        public Task RunAsync(DriverSession session, CancellationToken reset) => Task.CompletedTask;
    }
}
