using System.Buffers.Binary;
using Squib.Machine.Cpu;
using Squib.Virtio.Bus;
using Squib.Virtio.Memory;
using Xunit;

namespace Squib.Machine.Tests.Cpu;

/// <summary>A CPU with 4 MiB of RAM, whose program ends at HVC #0; every exception vector holds one.</summary>
internal sealed unsafe class CpuRig : IDisposable
{
    // SAFETY: the CPU's state lives until Dispose.
    public const ulong Ram = 0x8000_0000;
    public const ulong Code = Ram + 0x1_0000;
    public const ulong Vectors = Ram + 0x2_0000;
    public const ulong Scratch = Ram + 0x3_0000;
    public const ulong Tables = Ram + 0x10_0000;
    public const uint Hvc = 0xd400_0002;
    public const uint Nop = 0xd503_201f;
    private const int RamBytes = 4 << 20;
    private readonly GuestMemory memory = new(new GuestRegion(Ram, GC.AllocateArray<byte>(RamBytes, pinned: true)));

    public CpuRig()
    {
        Exits = new RecordingExits();
        Cpu = new SoftwareCpu(memory, Bus, Exits);
        Exits.Cpu = Cpu;
        Cpu.Start(Code, 0);
        State->System.VbarEl1 = Vectors;
        for (ulong vector = 0; vector < 0x800; vector += 0x80) Write32(Vectors + vector, Hvc);
    }

    public SoftwareCpu Cpu { get; }

    public RecordingExits Exits { get; }

    public MmioBus Bus { get; } = new();

    public GuestMemory Memory => memory;

    public CpuState* State => Cpu.State;

    /// <summary>The instruction after the one that ended the last run.</summary>
    public ulong NextPc => Pc.Of(State, State->Next);

    /// <summary>The distance of the vector that ended the last run from the base.</summary>
    public ulong Vector => NextPc - 4 - State->System.VbarEl1;

    public uint ExceptionClass => (uint)(State->System.EsrEl1 >> 26);

    public uint Syndrome => (uint)State->System.EsrEl1 & 0x1ff_ffff;

    public ulong this[int register]
    {
        get => State->X[register];
        set => State->X[register] = value;
    }

    /// <summary>Puts a program at the start of the code, HVC behind it, and runs it from there.</summary>
    public void Run(params uint[] words)
    {
        Load(Code, [.. words, Hvc]);
        RunFrom(Code);
    }

    /// <summary>Runs what is in memory until HVC.</summary>
    public void RunFrom(ulong pc)
    {
        State->Next = Cpu.Code.ParkAt(State, pc);
        Cpu.Run();
    }

    /// <summary>Puts a program into memory, and has the CPU forget what it had decoded there.</summary>
    public void Load(ulong address, params uint[] words)
    {
        foreach (uint word in words)
        {
            Write32(address, word);
            address += 4;
        }

        Cpu.Code.InvalidateAll();
        Cpu.Lines.FlushFetch();
    }

    public void Write32(ulong address, uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Assert.True(memory.TryWrite(address, bytes));
    }

    public void Write64(ulong address, ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        Assert.True(memory.TryWrite(address, bytes));
    }

    public ulong Read64(ulong address)
    {
        byte[] bytes = new byte[8];
        Assert.True(memory.TryRead(address, bytes));
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>Turns the MMU on: all of RAM at its own address for EL1, and what the caller maps.</summary>
    public TranslationTables EnableMmu()
    {
        var tables = new TranslationTables(this);
        tables.MapBlock(Ram, Ram, TranslationTables.Kernel);
        tables.MapBlock(Ram + 0x20_0000, Ram + 0x20_0000, TranslationTables.Kernel);
        this[0] = TranslationTables.Control;
        this[1] = tables.Lower;
        this[2] = tables.Upper;
        this[3] = State->System.SctlrEl1 | 1;
        Run(A64.MsrTcr(0), A64.MsrTtbr0(1), A64.MsrTtbr1(2), A64.Isb, A64.MsrSctlr(3), A64.Isb);
        return tables;
    }

    /// <summary>Goes to EL0, where a program ends at its first exception.</summary>
    public void EnterUser(ulong pc, ulong stack = 0)
    {
        State->System.ElrEl1 = pc;
        State->System.SpsrEl1 = 0;
        State->StackPointers[0] = stack;
        Run(A64.Eret);
    }

    public void Dispose() => Cpu.Dispose();
}
