using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Squib.Machine.Mmu;
using Squib.Virtio.Bus;
using Squib.Virtio.Memory;

namespace Squib.Machine.Cpu;

/// <summary>An arm64 CPU in software: ARMv8.0-A with EL1 and EL0, AArch64 only.</summary>
/// <remarks>
/// One thread runs it. Guest memory is pinned for its whole life, so the memory's owner must dispose of the CPU first.
/// </remarks>
public sealed unsafe partial class SoftwareCpu : IVcpu
{
    // SAFETY: the state is allocated with the CPU and freed by Dispose, which must not be called while Run is
    // executing. It carries a handle of this object, by which handlers find their way back.
    private const int InstructionsPerTurn = 2048;
    private const int MaxReports = 16;
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);
    private readonly CpuState* state;
    private readonly IVcpuExits exits;
    private readonly ILogger? logger;
    private readonly ManualResetEventSlim wakeUp = new(false, spinCount: 0);
    private GCHandle handle;
    private long instructions;
    private int reports;
    private bool disposed;

    /// <summary>Creates a CPU; <see cref="Start"/> gives it something to do.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="bus">What answers where there is no memory.</param>
    /// <param name="exits">The machine around it.</param>
    /// <param name="logger">Where undefined instructions are reported, or null.</param>
    public SoftwareCpu(GuestMemory memory, MmioBus bus, IVcpuExits exits, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(bus);
        ArgumentNullException.ThrowIfNull(exits);
        Bus = bus;
        this.exits = exits;
        this.logger = logger;
        Ram = new GuestRam(memory);
        Translation = new AddressTranslation(memory);
        state = (CpuState*)NativeMemory.AlignedAlloc((nuint)sizeof(CpuState), 64);
        handle = GCHandle.Alloc(this);
        Start(0, 0);
    }

    /// <inheritdoc/>
    public long Instructions => Interlocked.Read(ref instructions);

    /// <summary>The guest's memory as the host addresses it.</summary>
    internal GuestRam Ram { get; }

    /// <summary>What answers where there is no memory.</summary>
    internal MmioBus Bus { get; }

    /// <summary>Stage 1 of address translation.</summary>
    internal AddressTranslation Translation { get; }

    /// <summary>The look-aside tables of the fast paths.</summary>
    internal LookAside Lines { get; } = new();

    /// <summary>The decoded instructions.</summary>
    internal CodeCache Code { get; } = new();

    /// <summary>The machine around the CPU.</summary>
    internal IVcpuExits Exits => exits;

    /// <summary>The state, for tests.</summary>
    internal CpuState* State => state;

    /// <inheritdoc/>
    public void Start(ulong pc, ulong x0)
    {
        *state = default;
        state->Owner = GCHandle.ToIntPtr(handle);
        state->X[0] = x0;
        state->Daif = 0xf << 6;
        state->El = 1;
        state->SpSel = 1;
        SystemRegisters.Reset(this, state);
        SetMode(el: 1, spSel: 1);
        Code.InvalidateAll();
        Lines.Flush();
        state->Next = Code.ParkAt(state, pc);
    }

    /// <inheritdoc/>
    public void Run()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        Op* op = Pc.Jump(state, Pc.Of(state, state->Next));
        while (Volatile.Read(ref state->StopRequested) == 0)
        {
            op = Turn(state, op);
            CountInstructions();
            exits.PollTimer();
            if (Exceptions.HasIrq(state)) op = Exceptions.JumpOrInterrupt(state, Pc.Of(state, op));
        }

        state->StopRequested = 0;
        state->Next = Code.ParkAt(state, Pc.Of(state, op));
    }

    /// <inheritdoc/>
    public void Stop()
    {
        Volatile.Write(ref state->StopRequested, 1);
        wakeUp.Set();
    }

    /// <inheritdoc/>
    public void SetIrq(bool asserted)
    {
        Volatile.Write(ref state->Irq, asserted ? 1 : 0);
        if (asserted) wakeUp.Set();
    }

    /// <summary>
    /// Frees the CPU's memory and unpins the guest's; must not be called while <see cref="Run"/> is executing.
    /// </summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        Ram.Dispose();
        Lines.Dispose();
        Code.Dispose();
        wakeUp.Dispose();
        handle.Free();
        NativeMemory.AlignedFree(state);
    }

    /// <summary>The CPU that a state belongs to.</summary>
    /// <param name="s">The state.</param>
    internal static SoftwareCpu Of(CpuState* s) => Unsafe.As<SoftwareCpu>(GCHandle.FromIntPtr(s->Owner).Target!);

    /// <summary>Changes the exception level and the stack pointer in use.</summary>
    /// <param name="el">0 or 1.</param>
    /// <param name="spSel">PSTATE.SP; at EL0 it is 0.</param>
    internal void SetMode(uint el, uint spSel)
    {
        CpuState* s = state;
        s->StackPointers[s->SpSel] = s->X[CpuState.Sp];
        s->El = el;
        s->SpSel = spSel;
        s->X[CpuState.Sp] = s->StackPointers[spSel];
        SystemRegisters.UpdateTraps(s);
        Lines.Select(s);
    }

    /// <summary>Waits until an interrupt is pending, masked or not, or the CPU is to stop.</summary>
    internal void WaitForInterrupt()
    {
        exits.PollTimer();
        while (Volatile.Read(ref state->Irq) == 0 && Volatile.Read(ref state->StopRequested) == 0)
        {
            TimeSpan time = exits.TimeToTimer;
            if (time > LongestWait) time = LongestWait;
            wakeUp.Reset();

            // Whoever sets the event has set Irq or StopRequested before: looking again after the reset misses neither.
            if (Volatile.Read(ref state->Irq) != 0 || Volatile.Read(ref state->StopRequested) != 0) return;
            if (time > TimeSpan.Zero || time == Timeout.InfiniteTimeSpan) wakeUp.Wait(time);
            exits.PollTimer();
        }
    }

    /// <summary>Logs an undefined instruction; only the first few.</summary>
    /// <param name="word">The instruction word.</param>
    /// <param name="pc">Its address.</param>
    internal void ReportUndefined(uint word, ulong pc)
    {
        if (logger is not null && reports < MaxReports)
        {
            reports++;
            LogUndefined(logger, word, pc);
        }
    }

    private static Op* Turn(CpuState* s, Op* op)
    {
        for (int left = InstructionsPerTurn / 8; left != 0; left--)
        {
            op = op->Execute(s, op);
            op = op->Execute(s, op);
            op = op->Execute(s, op);
            op = op->Execute(s, op);
            op = op->Execute(s, op);
            op = op->Execute(s, op);
            op = op->Execute(s, op);
            op = op->Execute(s, op);
        }

        return op;
    }

    [LoggerMessage(3001, LogLevel.Warning, "Undefined instruction 0x{Word:x8} at 0x{Pc:x16}.")]
    private static partial void LogUndefined(ILogger logger, uint word, ulong pc);

    private void CountInstructions()
    {
        long count = InstructionsPerTurn - state->NotInstructions;
        state->NotInstructions = 0;
        Interlocked.Add(ref instructions, count);
    }
}
