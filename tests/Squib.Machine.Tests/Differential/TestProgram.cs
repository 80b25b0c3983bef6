using System.Buffers.Binary;

namespace Squib.Machine.Tests.Differential;

/// <summary>The code that executes many sequences, each from its own state, and leaves the states after them.</summary>
internal sealed class TestProgram
{
    private const int SystemWrite = 64, SystemExit = 93, SystemSignalStack = 132, SystemSignalAction = 134;
    private const int SystemSignalReturn = 139;

    private readonly Assembler code = new(Layout.CodeStart);
    private readonly byte[] inputs;

    public TestProgram(IReadOnlyList<Sequence> sequences)
    {
        Count = sequences.Count;
        inputs = new byte[Count * Layout.BlockLength];
        if (inputs.Length > Layout.BlocksLength)
            throw new ArgumentException("There are too many sequences for one program.", nameof(sequences));

        uint loop = EmitLoop();
        uint save = EmitSave(loop);
        for (int i = 0; i < Count; i++)
        {
            Span<byte> block = inputs.AsSpan(i * Layout.BlockLength, Layout.BlockLength);
            sequences[i].State.CopyTo(block);
            BinaryPrimitives.WriteUInt64LittleEndian(block[Layout.Extra..], code.Here);
            code.LoadPair(29, 30, 29, Layout.X + (29 * 8));
            code.Add(sequences[i].Words);
            code.WriteSystem(Assembler.TpidrEl0, 30);
            code.Branch(save);
        }

        UserEntry = EmitUserEntry(loop);
        MachineEntry = EmitVariables(loop);
        if (code.Words.Count * 4 > Layout.CodeLength)
            throw new ArgumentException("The sequences are too long for one program.", nameof(sequences));
    }

    public int Count { get; }

    /// <summary>Where a process starts, which has signals to handle.</summary>
    public uint UserEntry { get; }

    /// <summary>Where our own machine starts at EL0, whose exceptions go to EL1.</summary>
    public uint MachineEntry { get; }

    public int OutputLength => Count * Layout.BlockLength;

    public ReadOnlySpan<byte> Inputs => inputs;

    public byte[] Code()
    {
        var bytes = new byte[code.Words.Count * 4];
        for (int i = 0; i < code.Words.Count; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * 4), code.Words[i]);
        return bytes;
    }

    /// <summary>Loads the state of one sequence and branches to it.</summary>
    private uint EmitLoop()
    {
        uint loop = code.Here;
        code.Constant(9, Layout.VariablesStart);
        code.Load(29, 9, Layout.InputPointer);
        code.AddImmediate(0, 29, Layout.Window);
        code.Constant(1, Layout.WindowStart);
        EmitCopyOfWindow();
        code.ClearExclusive();
        code.Load(0, 29, Layout.Sp);
        code.AddImmediate(31, 0, 0);
        code.Load(0, 29, Layout.Nzcv);
        code.WriteSystem(Assembler.NzcvRegister, 0);
        code.Load(0, 29, Layout.Fpsr);
        code.WriteSystem(Assembler.FpsrRegister, 0);
        code.Load(0, 29, Layout.Fpcr);
        code.WriteSystem(Assembler.FpcrRegister, 0);
        code.AddImmediate(0, 29, Layout.V);
        for (int i = 0; i < 32; i += 2)
            code.LoadVectors(i, 0, i * 16);
        code.Load(30, 29, Layout.Extra);
        for (int i = 0; i < 28; i += 2)
            code.LoadPair(i, i + 1, 29, Layout.X + (i * 8));
        code.Load(28, 29, Layout.X + (28 * 8));
        code.BranchRegister(30);
        return loop;
    }

    /// <summary>
    /// Stores the state after a sequence and goes on with the next; after the last, writes all to standard output.
    /// </summary>
    private uint EmitSave(uint loop)
    {
        uint save = code.Here;
        code.Constant(30, Layout.VariablesStart);
        code.Load(30, 30, Layout.OutputPointer);
        for (int i = 0; i < 28; i += 2)
            code.StorePair(i, i + 1, 30, Layout.X + (i * 8));
        code.StorePair(28, 29, 30, Layout.X + (28 * 8));
        code.ReadSystem(0, Assembler.TpidrEl0);
        code.Store(0, 30, Layout.X + (30 * 8));
        code.AddImmediate(0, 31, 0);
        code.Store(0, 30, Layout.Sp);
        code.ReadSystem(0, Assembler.NzcvRegister);
        code.Store(0, 30, Layout.Nzcv);
        code.ReadSystem(0, Assembler.FpsrRegister);
        code.Store(0, 30, Layout.Fpsr);
        code.ReadSystem(0, Assembler.FpcrRegister);
        code.Store(0, 30, Layout.Fpcr);
        code.AddImmediate(0, 30, Layout.V);
        for (int i = 0; i < 32; i += 2)
            code.StoreVectors(i, 0, i * 16);
        code.Constant(0, Layout.WindowStart);
        code.AddImmediate(1, 30, Layout.Window);
        EmitCopyOfWindow();
        EmitNext(loop);
        EmitOutput();
        return save;
    }

    private void EmitNext(uint loop)
    {
        code.Constant(9, Layout.VariablesStart);
        code.Load(0, 9, Layout.Faults);
        code.Store(0, 30, Layout.Extra);
        code.Store(31, 9, Layout.Faults);
        foreach (int pointer in (int[])[Layout.InputPointer, Layout.OutputPointer])
        {
            code.Load(0, 9, pointer);
            code.AddImmediate(0, 0, Layout.BlockLength);
            code.Store(0, 9, pointer);
        }

        code.Load(0, 9, Layout.Remaining);
        code.SubtractImmediate(0, 0, 1);
        code.Store(0, 9, Layout.Remaining);
        code.BranchIfNotZero(0, loop);
    }

    private void EmitOutput()
    {
        code.Constant(1, Layout.OutputStart);
        code.Constant(2, (uint)OutputLength);
        uint again = code.Here;
        code.Add(Assembler.MoveWide(0, 1));
        code.Add(Assembler.MoveWide(8, SystemWrite));
        code.SupervisorCall();
        code.AddRegister(1, 1, 0);
        code.SubtractRegister(2, 2, 0);
        code.BranchIfNotZero(2, again);
        code.Add(Assembler.MoveWide(0, 0));
        code.Add(Assembler.MoveWide(8, SystemExit));
        code.SupervisorCall();
    }

    /// <summary>Copies from X0 to X1.</summary>
    private void EmitCopyOfWindow()
    {
        for (int offset = 0; offset < Layout.WindowLength; offset += 32)
        {
            code.LoadVectors(0, 0, offset);
            code.StoreVectors(0, 1, offset);
        }
    }

    private uint EmitVariables(uint loop)
    {
        uint entry = code.Here;
        code.Constant(9, Layout.VariablesStart);
        code.Constant(0, Layout.InputStart);
        code.Store(0, 9, Layout.InputPointer);
        code.Constant(0, Layout.OutputStart);
        code.Store(0, 9, Layout.OutputPointer);
        code.Constant(0, (uint)Count);
        code.Store(0, 9, Layout.Remaining);
        code.Branch(loop);
        return entry;
    }

    /// <summary>
    /// Sets handlers for SIGILL, SIGBUS, and SIGSEGV, which count and skip the instruction, then starts.
    /// </summary>
    private uint EmitUserEntry(uint loop)
    {
        const int flags = 0x0c00_0004; // SA_SIGINFO, SA_ONSTACK, SA_RESTORER
        const int programCounter = 440; // of the interrupted code, in the signal's context
        uint handler = code.Here;
        code.Load(3, 2, programCounter);
        code.AddImmediate(3, 3, 4);
        code.Store(3, 2, programCounter);
        code.Constant(4, Layout.VariablesStart);
        code.Load(5, 4, Layout.Faults);
        code.AddRegister(5, 5, 3);
        code.Add(0x8b00_c0a5); // add x5, x5, x0, lsl #48
        code.Store(5, 4, Layout.Faults);
        code.BranchRegister(30);
        uint restorer = code.Here;
        code.Add(Assembler.MoveWide(8, SystemSignalReturn));
        code.SupervisorCall();

        uint entry = code.Here;
        code.Constant(9, Layout.VariablesStart);
        code.Constant(0, Layout.SignalStackStart);
        code.Store(0, 9, Layout.Scratch);
        code.Store(31, 9, Layout.Scratch + 8);
        code.Constant(0, Layout.SignalStackLength);
        code.Store(0, 9, Layout.Scratch + 16);
        code.AddImmediate(0, 9, Layout.Scratch);
        code.Add(Assembler.MoveWide(1, 0));
        code.Add(Assembler.MoveWide(8, SystemSignalStack));
        code.SupervisorCall();
        code.Constant(0, handler);
        code.Store(0, 9, Layout.Scratch);
        code.Constant(0, flags);
        code.Store(0, 9, Layout.Scratch + 8);
        code.Constant(0, restorer);
        code.Store(0, 9, Layout.Scratch + 16);
        code.Store(31, 9, Layout.Scratch + 24);
        foreach (ushort signal in (ushort[])[4, 7, 11])
        {
            code.Add(Assembler.MoveWide(0, signal));
            code.AddImmediate(1, 9, Layout.Scratch);
            code.Add(Assembler.MoveWide(2, 0));
            code.Add(Assembler.MoveWide(3, 8));
            code.Add(Assembler.MoveWide(8, SystemSignalAction));
            code.SupervisorCall();
        }

        EmitVariables(loop);
        return entry;
    }
}
