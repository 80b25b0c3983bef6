using System.Runtime.CompilerServices;

namespace Squib.Benchmarks.Ring;

/// <summary>The driver of a split ring.</summary>
internal sealed unsafe class SplitRingDriver(RingMemory memory) : RingDriver(memory)
{
    private ushort available;
    private ushort used;

    internal override void Reset()
    {
        base.Reset();
        available = used = 0;
    }

    private protected override void Submit<T>(int batch)
    {
        // Locals, not fields: a store through a pointer makes the compiler load fields again.
        Descriptor* table = (Descriptor*)Ram;
        ushort* fields = (ushort*)(Ram + 0x1000);
        ushort* heads = fields + 2;
        uint n = Chains;
        ushort at = available;
        for (int i = 0; i < batch; i++, n++, at++)
        {
            uint head = T.Number switch
            {
                1 => Submit1(table, n),
                2 => Submit2(table, n),
                3 => Submit3(table, n),
                4 => Submit4(table, n),
                _ => Submit5(table, n),
            };
            heads[at & Mask] = (ushort)head;
        }

        if (T.Number == 5) heads[Entries] = used;
        Chains = n;
        available = at;
        Volatile.Write(ref fields[1], at);
    }

    private protected override int Complete<T>()
    {
        Descriptor* table = (Descriptor*)Ram;
        ushort* fields = (ushort*)(Ram + 0x2000);
        Element* ring = (Element*)(Ram + 0x2004);
        ushort end = Volatile.Read(ref fields[1]);
        ushort at = used;
        ulong sum = Sum;
        int count = 0;
        for (; at != end; at++, count++)
        {
            Element e = ring[at & Mask];
            sum += e.Id + e.Length;
            if (T.Number == 2) sum += At(table[e.Id].Address)[16];
            else if (T.Number == 3) sum += At(BuffersAt + (8192ul * e.Id))[16];
            else if (T.Number == 5) sum += *(ulong*)(At(table[e.Id].Address) + 12);
        }

        used = at;
        Sum = sum;
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Set(Descriptor* d, ulong address, uint length, ushort flags, uint next)
    {
        d->Address = address;
        // As gcc does: one store.
        d->Rest = length | ((ulong)flags << 32) | ((ulong)next << 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Submit1(Descriptor* table, uint n)
    {
        uint k = n & 255;
        Set(&table[k], BuffersAt + (64 * k), 64, 0, 0);
        return k;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Submit2(Descriptor* table, uint n)
    {
        uint k = n & 63;
        ulong b = BuffersAt + (8192ul * k);
        Set(&table[3 * k], b, 16, Next, (3 * k) + 1);
        Set(&table[(3 * k) + 1], b + 4096, 4096, Next | Write, (3 * k) + 2);
        Set(&table[(3 * k) + 2], b + 16, 1, Write, 0);
        WriteHeader(b, n);
        return 3 * k;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Submit3(Descriptor* table, uint n)
    {
        uint k = n & 63;
        ulong b = BuffersAt + (8192ul * k);
        Descriptor* t = (Descriptor*)(Ram + 0x4000 + (64 * k));
        Set(t, b, 16, Next, 1);
        Set(t + 1, b + 4096, 4096, Next | Write, 2);
        Set(t + 2, b + 16, 1, Write, 0);
        Set(&table[k], RingMemory.Start + 0x4000 + (64 * k), 48, Indirect, 0);
        WriteHeader(b, n);
        return k;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Submit4(Descriptor* table, uint n)
    {
        uint k = n & 127;
        ulong b = BuffersAt + (2048ul * k);
        Set(&table[2 * k], b, 12, Next, (2 * k) + 1);
        Set(&table[(2 * k) + 1], b + 64, 1514, 0, 0);
        WriteFrame(b, n);
        return 2 * k;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Submit5(Descriptor* table, uint n)
    {
        uint k = n & 255;
        Set(&table[k], BuffersAt + (2048ul * k), 1526, Write, 0);
        return k;
    }

    private struct Descriptor
    {
        public ulong Address;
        public ulong Rest;
    }

    private readonly record struct Element(uint Id, uint Length);
}
