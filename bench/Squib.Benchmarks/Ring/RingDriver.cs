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

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Submit(int workload, int batch)
    {
        switch (workload)
        {
            case 1: Submit<W1>(batch); break;
            case 2: Submit<W2>(batch); break;
            case 3: Submit<W3>(batch); break;
            case 4: Submit<W4>(batch); break;
            default: Submit<W5>(batch); break;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Complete(int workload, int batch)
    {
        int count = workload switch
        {
            1 => Complete<W1>(),
            2 => Complete<W2>(),
            3 => Complete<W3>(),
            4 => Complete<W4>(),
            _ => Complete<W5>(),
        };
        if (count != batch) throw new InvalidOperationException($"{count} of {batch} chains completed.");
    }

    // A loop compiled for one workload alone, as gcc makes of the C program's.
    private protected abstract void Submit<T>(int batch)
        where T : struct, IWorkload;

    private protected abstract int Complete<T>()
        where T : struct, IWorkload;

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

    private protected interface IWorkload
    {
        static abstract int Number { get; }
    }

    private readonly struct W1 : IWorkload
    {
        public static int Number => 1;
    }

    private readonly struct W2 : IWorkload
    {
        public static int Number => 2;
    }

    private readonly struct W3 : IWorkload
    {
        public static int Number => 3;
    }

    private readonly struct W4 : IWorkload
    {
        public static int Number => 4;
    }

    private readonly struct W5 : IWorkload
    {
        public static int Number => 5;
    }
}
