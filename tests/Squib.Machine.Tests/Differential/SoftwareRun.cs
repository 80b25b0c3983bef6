using System.Buffers.Binary;
using Squib.Machine.Cpu;
using Squib.Virtio.Bus;
using Squib.Virtio.Memory;

namespace Squib.Machine.Tests.Differential;

/// <summary>
/// Runs a program on our CPU: at EL0, translated address by address to itself, with vectors at EL1 in place of a
/// kernel.
/// </summary>
internal sealed class SoftwareRun : IVcpuExits, IDisposable
{
    private const int SignalIllegalInstruction = 4, SignalSegmentationViolation = 11;
    private const ulong Supervisor = 0x15; // ESR_EL1.EC of SVC

    private readonly byte[] ram = new byte[Layout.RamLength];
    private readonly SoftwareCpu cpu;
    private ulong exceptionClass;

    private SoftwareRun(TestProgram program)
    {
        Put(Layout.CodeStart, program.Code());
        Put(Layout.InputStart, program.Inputs);
        WriteTables();
        Put(Layout.BootStart, BootCode(program.MachineEntry));
        Put(Layout.VectorsStart + 0x400, VectorCode()); // synchronous, from EL0
        cpu = new SoftwareCpu(new GuestMemory(new GuestRegion(Layout.RamStart, ram)), new MmioBus(), this);
    }

    TimeSpan IVcpuExits.TimeToTimer => Timeout.InfiniteTimeSpan;

    /// <summary>Runs a program and answers with the blocks that it would write.</summary>
    public static byte[] Run(TestProgram program)
    {
        using var run = new SoftwareRun(program);
        run.cpu.Start(Layout.BootStart, 0);
        run.cpu.Run();
        if (run.exceptionClass != Supervisor)
            throw new InvalidOperationException($"The program ended with exception class 0x{run.exceptionClass:x}.");
        return run.ram.AsSpan((int)(Layout.OutputStart - Layout.RamStart), program.OutputLength).ToArray();
    }

    /// <inheritdoc/>
    public void Dispose() => cpu.Dispose();

    bool IVcpuExits.TryReadSystemRegister(uint encoding, out ulong value)
    {
        value = 0;
        return false;
    }

    bool IVcpuExits.TryWriteSystemRegister(uint encoding, ulong value) => false;

    void IVcpuExits.Hypercall(Span<ulong> registers)
    {
        exceptionClass = registers[1];
        cpu.Stop();
    }

    void IVcpuExits.PollTimer()
    {
    }

    private static byte[] BootCode(uint userEntry)
    {
        var code = new Assembler(Layout.BootStart);
        WriteSystem(Assembler.SystemRegister(3, 0, 2, 0, 0), Layout.TablesStart); // TTBR0_EL1
        WriteSystem(Assembler.SystemRegister(3, 0, 2, 0, 2), 0x0080_3519); // TCR_EL1: 39 bits, 4 KiB, no TTBR1
        WriteSystem(Assembler.SystemRegister(3, 0, 10, 2, 0), 0xff); // MAIR_EL1: normal memory
        WriteSystem(Assembler.SystemRegister(3, 0, 12, 0, 0), Layout.VectorsStart); // VBAR_EL1
        WriteSystem(Assembler.SystemRegister(3, 0, 1, 0, 2), 3 << 20); // CPACR_EL1: no SIMD traps
        WriteSystem(Assembler.SystemRegister(3, 0, 4, 0, 0), 0x3c0); // SPSR_EL1: EL0, all masked
        WriteSystem(Assembler.SystemRegister(3, 0, 4, 0, 1), userEntry); // ELR_EL1
        WriteSystem(Assembler.SystemRegister(3, 0, 1, 0, 0), 0x34d0_d805); // SCTLR_EL1: MMU and caches on
        code.Synchronize();
        code.Constant(0, Layout.KernelStackEnd);
        code.AddImmediate(31, 0, 0);
        code.ExceptionReturn();
        return Bytes(code);

        void WriteSystem(int register, uint value)
        {
            code.Constant(0, value);
            code.WriteSystem(register, 0);
        }
    }

    /// <summary>What the signal handlers do in a process: counts a fault and skips it; SVC ends the run.</summary>
    private static byte[] VectorCode()
    {
        var code = new Assembler(Layout.VectorsStart + 0x400);
        code.SubtractImmediate(31, 31, 32);
        code.StorePair(0, 1, 31, 0);
        code.StorePair(2, 3, 31, 16);
        code.ReadSystem(0, Assembler.SystemRegister(3, 0, 5, 2, 0)); // ESR_EL1
        code.Add(0xd35a_fc01); // lsr x1, x0, #26
        code.Add(Assembler.MoveWide(0, SignalIllegalInstruction));
        code.BranchIfZero(1, code.Here + (6 * 4));
        code.Add(Assembler.MoveWide(0, SignalSegmentationViolation));
        code.SubtractImmediate(2, 1, (int)Supervisor);
        code.BranchIfNotZero(2, code.Here + (3 * 4));
        code.Hypercall();
        code.Branch(code.Here);
        code.ReadSystem(1, Assembler.SystemRegister(3, 0, 4, 0, 1)); // ELR_EL1
        code.AddImmediate(1, 1, 4);
        code.WriteSystem(Assembler.SystemRegister(3, 0, 4, 0, 1), 1);
        code.Add(0x8b00_c021); // add x1, x1, x0, lsl #48
        code.Constant(2, Layout.VariablesStart);
        code.Load(3, 2, Layout.Faults);
        code.AddRegister(3, 3, 1);
        code.Store(3, 2, Layout.Faults);
        code.LoadPair(2, 3, 31, 16);
        code.LoadPair(0, 1, 31, 0);
        code.AddImmediate(31, 31, 32);
        code.ExceptionReturn();
        return Bytes(code);
    }

    private static byte[] Bytes(Assembler code)
    {
        var bytes = new byte[code.Words.Count * 4];
        for (int i = 0; i < code.Words.Count; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * 4), code.Words[i]);
        return bytes;
    }

    private void Put(uint address, ReadOnlySpan<byte> bytes) =>
        bytes.CopyTo(ram.AsSpan((int)(address - Layout.RamStart)));

    /// <summary>
    /// Blocks of 2 MiB: the first for EL1, whose instructions EL0 could not share, the others for EL0.
    /// </summary>
    private void WriteTables()
    {
        const uint secondLevel = Layout.TablesStart + 0x1000;
        const int blockShift = 21;
        const ulong block = 0b01 | (3 << 8) | (1 << 10), forUser = 1 << 6; // inner shareable, accessed; AP[1]
        WriteEntry(Layout.TablesStart, (int)(Layout.RamStart >> 30), secondLevel | 0b11);
        for (int i = 0; i < Layout.RamLength >> blockShift; i++)
            WriteEntry(secondLevel, i, (Layout.RamStart + ((ulong)i << blockShift)) | block | (i == 0 ? 0 : forUser));
    }

    private void WriteEntry(uint table, int index, ulong entry) =>
        BinaryPrimitives.WriteUInt64LittleEndian(ram.AsSpan((int)(table - Layout.RamStart) + (index * 8)), entry);
}
