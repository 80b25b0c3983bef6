using System.Buffers;
using System.Runtime.InteropServices;
using Squib.Virtio.Memory;

namespace Squib.Benchmarks.Ring;

/// <summary>16 MiB of native memory at 0x8000_0000, as one region or as four that cut the buffers in quarters.</summary>
internal sealed unsafe class RingMemory : MemoryManager<byte>
{
    internal const ulong Start = 0x8000_0000;
    internal const int Bytes = 16 << 20;
    internal const int Buffers = 1 << 20;

    private readonly byte* pointer;

    internal RingMemory() => pointer = (byte*)NativeMemory.AlignedAlloc(Bytes, 4096);

    internal byte* Pointer => pointer;

    internal GuestMemory Lend(int regions)
    {
        if (regions == 1) return new(new GuestRegion(Start, Memory));
        // The 512 KiB of buffers that the largest workload uses lie in all four.
        int[] cuts = [0, Buffers + (128 << 10), Buffers + (256 << 10), Buffers + (384 << 10), Bytes];
        return new(Enumerable.Range(0, 4).Select(i => new GuestRegion(Start + (ulong)cuts[i], Memory[cuts[i]..cuts[i + 1]])));
    }

    internal void Clear() => new Span<byte>(pointer, Bytes).Clear();

    public override Span<byte> GetSpan() => new(pointer, Bytes);

    public override MemoryHandle Pin(int elementIndex = 0) => new(pointer + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => NativeMemory.AlignedFree(pointer);
}
