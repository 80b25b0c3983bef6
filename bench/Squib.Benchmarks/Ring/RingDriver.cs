using System.Runtime.CompilerServices;

namespace Squib.Benchmarks.Ring;

/// <summary>The driver's half of the workloads, with raw pointers as in the C program.</summary>
internal abstract unsafe class RingDriver(RingMemory memory)
{
    protected const ulong BuffersAt = RingMemory.Start + RingMemory.Buffers;
    protected const int Entries = 256;
    protected const int Mask = Entries - 1;
    protected const ushort Next = 1;
    protected const ushort Write = 2;
    protected const ushort Indirect = 4;

    protected readonly byte* Ram = memory.Pointer;
    protected uint Chains;

    internal ulong Sum { get; set; }

    internal static int BatchOf(int workload) => workload is 2 or 3 ? 32 : 64;

    internal abstract void Submit(int workload, int batch);

    internal abstract void Complete(int workload, int batch);

    internal virtual void Reset()
    {
        Chains = 0;
        Sum = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected byte* At(ulong address) => Ram + (address - RingMemory.Start);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected void WriteHeader(ulong b, uint n)
    {
        *(ulong*)At(b) = 0;
        *(ulong*)(At(b) + 8) = n;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected void WriteFrame(ulong b, uint n)
    {
        *(ulong*)At(b) = 0;
        *(uint*)(At(b) + 8) = n;
        *(ulong*)(At(b) + 64) = n;
    }
}
